"""Placement: a pure choice over columns of hosts, with its reasons."""
