"""Which packages it takes: names wanted and repositories in, a closure or the reason out.

libsolv decides; ``sources`` fills its pool from metadata, from folders of packages or
from an installed tree, ``solution`` holds what came out and why each package is in it,
``explain`` turns what can't be met into chains that a person can read.
"""

from heliostat.os.solve.solution import Chosen, Solution, Unsolvable, solve
from heliostat.os.solve.sources import MetadataFolder, PackageFolder, PrimaryFile, Source

__all__ = [
    "Chosen",
    "MetadataFolder",
    "PackageFolder",
    "PrimaryFile",
    "Solution",
    "Source",
    "Unsolvable",
    "solve",
]
