"""Initramfs archives: cpio in the "newc" format that the Linux kernel unpacks.

Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
Every field is fixed here (owner root, time 0), so the same files give the same bytes.
"""

from __future__ import annotations

import stat

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


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
