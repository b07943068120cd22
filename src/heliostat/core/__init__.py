"""Vocabulary shared by every part: ids, units, clock, errors, settings.

Imports nothing else of Heliostat, and nothing POSIX-only at import time, so
that the client library runs wherever Python does.
"""
