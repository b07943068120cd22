"""One file of a package: what it is, whose it is, and where its content comes from."""

from __future__ import annotations

import enum
import io
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from heliostat.os.kind import Kinded


class FileFlag(enum.IntFlag):
    """RPM's file attributes (``rpmfileAttrs`` of ``rpm/rpmfiles.h``)."""

    NONE = 0
    CONFIG = 1 << 0
    DOC = 1 << 1
    MISSING_OK = 1 << 3
    NO_REPLACE = 1 << 4
    SPEC_FILE = 1 << 5
    GHOST = 1 << 6
    LICENCE = 1 << 7
    README = 1 << 8
    PUBKEY = 1 << 11
    ARTIFACT = 1 << 12


class VerifyFlag(enum.IntFlag):
    """What ``rpm -V`` compares (``rpmVerifyAttrs`` of ``rpm/rpmvf.h``)."""

    DIGEST = 1 << 0
    SIZE = 1 << 1
    LINK_TARGET = 1 << 2
    USER = 1 << 3
    GROUP = 1 << 4
    MTIME = 1 << 5
    MODE = 1 << 6
    DEVICE = 1 << 7
    CAPABILITIES = 1 << 8
    ALL = 0xFFFFFFFF


class Source(Protocol):
    """Content that is read when it is wanted, as often as it is wanted."""

    @property
    def size_bytes(self) -> int: ...

    def open(self) -> AbstractContextManager[BinaryIO]: ...


@dataclass(frozen=True, slots=True)
class OnDisk:
    """``size_bytes`` of the file at ``path``, from ``offset``: a whole file, or a part of a tar."""

    path: Path
    size_bytes: int
    offset: int = 0

    @classmethod
    def whole(cls, path: Path) -> OnDisk:
        return cls(path, path.stat().st_size)

    def open(self) -> AbstractContextManager[BinaryIO]:
        stream = self.path.open("rb")
        stream.seek(self.offset)
        return stream


Content = bytes | Source


@dataclass(frozen=True, slots=True)
class File(Kinded):
    """A file, folder or symbolic link at the absolute ``path``.

    ``mode`` is the whole ``st_mode``, type included.  ``hard_link`` names another file of
    the package whose inode this one shares; content, mode, owner and time are then that
    one's.  ``capabilities`` is libcap's text (``cap_net_raw=ep``).
    """

    path: str
    mode: int
    content: Content = b""
    target: str = ""
    user: str = "root"
    group: str = "root"
    mtime: int = 0
    flags: FileFlag = FileFlag.NONE
    hard_link: str = ""
    capabilities: str = ""
    language: str = ""
    verify: VerifyFlag = VerifyFlag.ALL

    @classmethod
    def folder(cls, path: str, permissions: int = 0o755, *, mtime: int = 0) -> File:
        return cls(path, stat.S_IFDIR | permissions, mtime=mtime)

    @classmethod
    def link(cls, path: str, target: str, *, mtime: int = 0) -> File:
        """A symbolic link."""
        return cls(path, stat.S_IFLNK | 0o777, target=target, mtime=mtime)

    @classmethod
    def regular(
        cls,
        path: str,
        content: Content,
        permissions: int = 0o644,
        *,
        mtime: int = 0,
        flags: FileFlag = FileFlag.NONE,
    ) -> File:
        return cls(path, stat.S_IFREG | permissions, content, mtime=mtime, flags=flags)

    @property
    def ghost(self) -> bool:
        """Owned by the package, but not in its payload."""
        return FileFlag.GHOST in self.flags

    @property
    def size_bytes(self) -> int:
        """Of the content, or of a link's target."""
        if self.is_link:
            return len(self.target.encode("utf-8", "surrogateescape"))
        return len(self.content) if isinstance(self.content, bytes) else self.content.size_bytes


def opened(content: Content) -> AbstractContextManager[BinaryIO]:
    """The content as a stream from its beginning."""
    return io.BytesIO(content) if isinstance(content, bytes) else content.open()
