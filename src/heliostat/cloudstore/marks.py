"""Numbers by which a reader tells whether anything in a folder has changed since.

A folder is what stands before the last ``/`` of a key, that one included.  Invariant: while
``mark`` gives the same number, everything right in the folder reads the same; a number that
has gone never comes again.  From before a commit is made durable until its events are
published its folders have no mark: what is read of them meanwhile is not to be remembered.
Bounded; lives as long as the store is open, in its event loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

FOLDERS = 1024
"""Folders that somebody has asked for; beyond it all of them get new numbers."""


class FolderMarks:
    """The marks of one store; ``hold`` and ``release`` frame each of its commits."""

    def __init__(self, folders: int = FOLDERS) -> None:
        self._limit = folders
        self._marks: dict[str, int] = {}
        self._held: set[str] = set()
        self._numbers = count(1)

    def mark(self, folder: str) -> int | None:
        """The folder's number; ``None`` while it is being written."""
        known = self._marks.get(folder)
        if known is not None:
            return known
        if folder in self._held:
            return None
        if len(self._marks) >= self._limit:
            self._marks.clear()
        new = self._marks[folder] = next(self._numbers)
        return new

    def hold(self, keys: Iterable[str]) -> None:
        """A commit that changes ``keys`` is about to be made durable."""
        for key in keys:
            folder = key[: key.rfind("/") + 1]
            self._held.add(folder)
            self._marks.pop(folder, None)

    def release(self) -> None:
        """It has come to its end, either way; there is one at a time."""
        self._held.clear()
