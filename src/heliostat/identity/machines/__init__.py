"""Machines that are members of a directory: how they join, and how they prove themselves."""
