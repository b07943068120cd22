"""How often the interpreter looks for garbage in cycles, in a server that lives long.

By default it looks after every 700 new containers, which is a few requests, and now
and then through everything that is alive: every module, route and connection.
"""

from __future__ import annotations

import gc

NEW_CONTAINERS = 20_000
"""Containers made before the youngest are looked through: a tenth of a second at full load."""


def settle() -> None:
    """Call once everything is loaded: what is alive now stays, and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_CONTAINERS, 20, 20)
