"""Root trees: editions, composing, finishing, gates, sizes.

``compose(edition, sources, root, monitor)`` makes a tree; ``gates(root, edition)`` judges
one; ``fingerprint(root)`` tells whether two are equal.
"""

from heliostat.os.tree.compose import Tree, choose, compose
from heliostat.os.tree.edition import Edition, edition_names, load_edition
from heliostat.os.tree.fingerprint import fingerprint
from heliostat.os.tree.gates import Verdict, gates

__all__ = [
    "Edition",
    "Tree",
    "Verdict",
    "choose",
    "compose",
    "edition_names",
    "fingerprint",
    "gates",
    "load_edition",
]
