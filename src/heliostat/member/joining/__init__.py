"""Becoming a member: people of a directory log in to this machine, and it is certified."""
