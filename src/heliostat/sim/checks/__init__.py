"""What must hold when everything is calm again; each violation is a sentence."""
