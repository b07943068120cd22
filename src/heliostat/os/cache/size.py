"""What folders take on the disk, looked up where nothing can have changed.

A finished piece is never changed, only replaced by another folder: its size is remembered
with its inode, since looking through the files of all build roots takes seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from heliostat.core.files import atomic_write

_FILE = "sizes.json"
_BLOCK_BYTES = 512  # what st_blocks counts in, whatever the file system's blocks are

_Known = dict[str, tuple[int, int]]


class Sizes:
    """Sizes of folders below one cache; valid as long as ``remembered_sizes`` is open."""

    def __init__(self, cache: Path, known: _Known) -> None:
        self._cache = cache
        self._known = known
        self.seen: _Known = {}
        """Inode and size of each folder that was asked for, by its path in the cache."""

    def of(self, folder: Path) -> int:
        """Bytes that ``folder`` takes; it must be finished, or the answer will be old."""
        name = str(folder.relative_to(self._cache))
        inode = folder.stat().st_ino
        known = self._known.get(name)
        size = known[1] if known and known[0] == inode else disk_bytes(folder)
        self.seen[name] = (inode, size)
        return size


@contextmanager
def remembered_sizes(cache: Path) -> Iterator[Sizes]:
    """What was found before, and what is found now for the next time."""
    path = cache / _FILE
    try:
        known = msgspec.json.decode(path.read_bytes(), type=_Known)
    except (FileNotFoundError, msgspec.DecodeError):
        known = {}
    sizes = Sizes(cache, known)
    yield sizes
    if sizes.seen != known:
        atomic_write(path, msgspec.json.encode(sizes.seen))


def disk_bytes(folder: Path) -> int:
    """Blocks of everything below ``folder``, which may lose files meanwhile; or of a file.

    A hard link counts with each of its names, as if it were the only one.
    """
    total = folder.stat().st_blocks if folder.is_file() else 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks
            except FileNotFoundError:
                continue
    return total * _BLOCK_BYTES
