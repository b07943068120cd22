"""Metadata of repositories: fetched, verified, kept, and turned into libsolv's own form."""
