"""Composition root: wires the parts into processes.  Nobody imports it."""
