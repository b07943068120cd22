"""The controller's verbs and the workflows that carry them out, one a file."""
