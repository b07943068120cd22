"""Initramfs archives: cpio in the "newc" format that the Linux kernel unpacks.

Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
Every field of an ``Archive`` is fixed (owner root, time 0), and trees go in by name, so the
same files give the same bytes.  The kernel unpacks archives that follow each other.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

_TRAILER = "TRAILER!!!"


class Archive:
    """An initramfs in the making: add entries, then take ``finish()``."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._inode = 0
        self._folders: set[str] = set()

    def add_folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder and those above it; adding one twice does nothing."""
        parent = path.rpartition("/")[0]
        if parent and parent not in self._folders:
            self.add_folder(parent)
        if path not in self._folders:
            self._folders.add(path)
            self._add(path, stat.S_IFDIR | mode, b"")

    def add_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._add_parent(path)
        self._add(path, stat.S_IFREG | mode, data)

    def add_link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add_parent(path)
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def add_character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._add_parent(path)
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def finish(self) -> bytes:
        """The whole archive."""
        self._add(_TRAILER, 0, b"")
        return b"".join(self._parts)

    def _add_parent(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent:
            self.add_folder(parent)

    def _add(self, path: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> None:
        self._inode += 1
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self._inode, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._parts += [_padded(header + name), _padded(data)]


def tree(root: Path, epoch: int, *, emptied: Collection[str] = ()) -> Iterator[bytes]:
    """All below ``root``, piece by piece; of the top folders ``emptied`` only themselves."""
    inodes: dict[tuple[int, int], int] = {}
    for path in _paths(root, "", emptied):
        status = os.lstat(root / path)
        key = (status.st_dev, status.st_ino)
        known = key in inodes
        inode = inodes.setdefault(key, len(inodes) + 1)
        data = b"" if known else _content(root / path, status)
        time_s = min(int(status.st_mtime), epoch)
        name = os.fsencode(path) + b"\0"
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        owner = (status.st_uid, status.st_gid)
        links = 2 if stat.S_ISDIR(status.st_mode) else status.st_nlink
        fields = (inode, status.st_mode, *owner, links, time_s, len(data), 0, 0, *device)
        header = b"070701" + b"".join(b"%08X" % field for field in (*fields, len(name), 0))
        yield _padded(header + name)
        yield _padded(data)
    end = Archive()
    yield end.finish()


def _paths(root: Path, inside: str, emptied: Collection[str]) -> Iterator[str]:
    for name in sorted(os.listdir(root / inside)):
        path = f"{inside}/{name}" if inside else name
        yield path
        is_folder = stat.S_ISDIR(os.lstat(root / path).st_mode)
        if is_folder and path not in emptied:
            yield from _paths(root, path, emptied)


def _content(path: Path, status: os.stat_result) -> bytes:
    if stat.S_ISLNK(status.st_mode):
        return os.fsencode(os.readlink(path))
    return path.read_bytes() if stat.S_ISREG(status.st_mode) else b""


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
