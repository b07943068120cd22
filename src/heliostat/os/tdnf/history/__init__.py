"""What was done to a system, and which packages nobody asked for."""
