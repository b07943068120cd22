"""Uploaded image files: what they are, whether they are whole, and one format made of them."""
