"""Keeping the cache within its limit: ``HELIO_OS_CACHE_GB``, 10 GB unless told otherwise.

Called after whatever fills the cache.  What a running build makes or uses is passed over,
since it holds a lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.units import GIB
from heliostat.os.cache.item import Item, to_go
from heliostat.os.cache.kinds import bounded_items
from heliostat.os.cache.size import remembered_sizes
from heliostat.os.image.workspace import remove
from heliostat.os.turn import unused

VARIABLE = "HELIO_OS_CACHE_GB"
_DEFAULT_GB = 10.0


def limit_bytes(environ: Mapping[str, str]) -> int:
    """The limit that the environment sets; raises ``InvalidSetting``."""
    told = environ.get(VARIABLE, "")
    try:
        gigabytes = float(told or _DEFAULT_GB)
        if not 0 <= gigabytes < 1 << 20:
            raise ValueError(told)
    except ValueError as error:
        raise HeliostatError(
            "InvalidSetting",
            f"{VARIABLE} is {told!r}, which is no size in GB.",
            hint=f"Set it to a number such as {_DEFAULT_GB:g}, or unset it.",
        ) from error
    return int(gigabytes * GIB)


def keep_within(cache: Path, limit: int | None = None) -> list[Item]:
    """Remove what was least recently used until ``limit`` bytes are kept; returns what went."""
    wanted = limit_bytes(os.environ) if limit is None else limit
    with remembered_sizes(cache) as sizes:
        items = bounded_items(cache, sizes)
    return removed(to_go(items, wanted, time.time()))


def removed(items: Iterable[Item]) -> list[Item]:
    """Those of ``items`` that nobody used, and that are gone now."""
    gone = []
    for item in items:
        if not item.record.is_file():  # another process was first
            continue
        with unused(item.lock) as alone:
            if alone and item.record.is_file():
                item.record.unlink()  # from here on it isn't there
                remove(item.path)
                gone.append(item)
    return gone
