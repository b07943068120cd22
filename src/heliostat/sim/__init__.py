"""The whole cloud in one process: real controllers and agents, virtual time, one seed.

Composes like ``server`` does, and nobody imports it.
"""
