"""The multi-version document store that holds all state of the platform."""
