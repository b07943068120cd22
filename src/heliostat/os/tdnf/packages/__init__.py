"""libsolv's pool of what is installed and what repositories offer, and questions to it."""
