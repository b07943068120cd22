"""What happened, line by line, and one digest of all of it.

Two runs of one seed are the same history exactly if their digests are equal: it
is taken over every commit of the store and every line, with their times.  Only
the last lines are kept.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence

from heliostat.cloudstore.contract import Change, Delete

LINES_KEPT = 400


class SimLog:
    """``commits`` and ``lines`` count; ``digest`` is of everything so far."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.commits = 0
        self.lines = 0
        self.latest: deque[str] = deque(maxlen=LINES_KEPT)
        self._now_s = now_s
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.copy().hexdigest()

    def tell(self, line: str) -> None:
        """Something worth a line happened."""
        text = f"{self._now_s():10.3f}  {line}"
        self.lines += 1
        self.latest.append(text)
        self._hash.update(text.encode())

    def committed(self, revision: int, changes: Sequence[Change]) -> None:
        """The store took a commit."""
        self.commits += 1
        self._hash.update(f"{self._now_s()!r} {revision}".encode())
        for change in changes:
            self._hash.update(change.key.encode())
            self._hash.update(b"-" if isinstance(change, Delete) else change.value)
