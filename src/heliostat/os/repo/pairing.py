"""An index and the signature over it, though they are two requests.

Where a generation is published between both, a client would hold the index of the old
beside the signature of the new.  So each client is given the signature that belongs to
the index it got last, for a short while.  (Clients of other web servers are safe with the
``mirrorlist``: it names one generation's own address.)
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

_INDEX = "repomd.xml"
_PAIRED = ("repomd.xml.asc", "repomd.xml.key")
_REMEMBERED_S = 120.0
_MOST_REMEMBERED = 10_000


class Pairing:
    """Which generation's index each client got last, for a short while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: OrderedDict[tuple[str, str], tuple[float, Path]] = OrderedDict()
        self._lock = threading.Lock()

    def resolve(self, client: str, path: str, target: Path) -> Path:
        """The file to answer with: ``target``, or its sibling of the client's generation."""
        folder_asked, _, name = path.rpartition("/")
        key = (client, folder_asked)
        real = target.resolve()
        with self._lock:
            if name == _INDEX:
                self._given[key] = (self._clock(), real.parent)
                self._given.move_to_end(key)
                while len(self._given) > _MOST_REMEMBERED:
                    self._given.popitem(last=False)
            elif name in _PAIRED and key in self._given:
                given_at, folder = self._given[key]
                sibling = folder / real.name
                if self._clock() - given_at <= _REMEMBERED_S and sibling.is_file():
                    return sibling
        return real
