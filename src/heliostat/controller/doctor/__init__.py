"""Does the store agree with itself, and with what the agents see?  Finding out, and mending."""
