"""The audit of a root tree: is what was composed hardened as promised?

Rules are data (``distro/audit``), kinds of checks are code (:mod:`.checks`).  A tree is
read once (:mod:`.tree`); every check is a pure look at it that brings its evidence.
Nothing in the tree is run and nothing is changed.
"""
