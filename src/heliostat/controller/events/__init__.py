"""What changed, for those who watch: one watch of the store, shared by every reader."""
