"""Disks in memory, seen through paths that know theirs.

A ``MemoryDisk`` outlives the agents that work on it.  Each of them sees it through
a view of its own; a view that was ``revoked`` (its process was killed) changes
nothing any more.  A full disk refuses to grow, as real ones do.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Generator, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import IO, Any, ClassVar, NoReturn, cast

from heliostat.core.files import VirtualPath

ROOT = "/"


class MemoryDisk:
    """Files by path, and folders with the names in them."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.full = False
        self.files: dict[str, bytes] = {}
        self.folders: dict[str, dict[str, None]] = {ROOT: {}}
        self.times: dict[str, int] = {}
        self.claims: set[str] = set()
        self._ticks = 0

    @property
    def used_bytes(self) -> int:
        return sum(map(len, self.files.values()))

    def write(self, path: str, data: bytes) -> None:
        if self.full and len(data) > len(self.files.get(path, b"")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        folder, _, name = path.rpartition("/")
        names = self.folders.get(folder or ROOT)
        if names is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        names[name] = None
        self.files[path] = data
        self._ticks += 1
        self.times[path] = self._ticks

    def make_folder(self, path: str, *, parents: bool) -> None:
        parent, _, name = path.rpartition("/")
        parent = parent or ROOT
        if parent not in self.folders:
            if not parents:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            self.make_folder(parent, parents=True)
        self.folders[parent][name] = None
        self.folders[path] = {}

    def remove(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        self.folders[folder or ROOT].pop(name, None)
        self.files.pop(path, None)
        self.times.pop(path, None)

    def remove_tree(self, path: str) -> None:
        for name in list(self.folders.get(path, ())):
            below = f"{path}/{name}"
            if below in self.folders:
                self.remove_tree(below)
            else:
                self.remove(below)
        self.folders.pop(path, None)
        self.remove(path)

    def view(self) -> DiskView:
        """The disk as one process sees it."""
        return DiskView(self)


class DiskView:
    """One process's access; ``root`` is the path that everything is below."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self.revoked = False
        self._claims: set[str] = set()
        kind = type("HostPath", (MemoryPath,), {"view": self})
        self.root: Path = cast(Path, kind(ROOT))

    def revoke(self) -> None:
        """The process is dead: it changes nothing more, and its locks are free."""
        self.revoked = True
        self.disk.claims -= self._claims

    def writable(self) -> MemoryDisk:
        if self.revoked:
            raise OSError(errno.EIO, "the process that writes was killed")
        return self.disk

    @contextlib.contextmanager
    def claim(self, path: str) -> Iterator[bool]:
        disk = self.writable()
        if path in disk.claims:
            yield False
            return
        disk.claims.add(path)
        self._claims.add(path)
        try:
            yield True
        finally:
            if path in self._claims and not self.revoked:
                disk.claims.discard(path)
            self._claims.discard(path)


class MemoryPath(PosixPath, VirtualPath):
    """A ``Path`` whose file system is its view's disk; what is not here touches no disk at all."""

    __slots__ = ()
    view: ClassVar[DiskView]

    def __truediv__(self, key: Any) -> Any:
        """Made once and remembered: an agent asks for the same few paths all the time."""
        known: dict[Any, Any] = self.__dict__.setdefault("below", {})
        found = known.get(key)
        if found is None:
            found = known[key] = super().__truediv__(key)
        return found

    def write_whole(self, data: bytes) -> None:
        disk = self.view.writable()
        parent = str(self.parent)
        if parent not in disk.folders:
            disk.make_folder(parent, parents=True)
        disk.write(str(self), data)

    def remove_tree(self) -> None:
        self._must_exist()
        self.view.writable().remove_tree(str(self))

    def claimed(self) -> contextlib.AbstractContextManager[bool]:
        return self.view.claim(str(self))

    def exists(self) -> bool:
        disk, path = self.view.disk, str(self)
        return path in disk.files or path in disk.folders

    def is_dir(self) -> bool:
        return str(self) in self.view.disk.folders

    def is_file(self) -> bool:
        return str(self) in self.view.disk.files

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        del mode
        if self.exists():
            if exist_ok and self.is_dir():
                return
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))
        self.view.writable().make_folder(str(self), parents=parents)

    def iterdir(self) -> Generator[Any, None, None]:
        names = self.view.disk.folders.get(str(self))
        if names is None:
            self._missing()
        yield from [self / name for name in sorted(names)]

    def glob(self, pattern: str) -> Generator[Any, None, None]:
        """Names in this folder only, which is all that is asked for."""
        names = sorted(self.view.disk.folders.get(str(self), ()))
        hidden = pattern.startswith(".")
        yield from [
            self / name
            for name in names
            if (hidden or not name.startswith(".")) and fnmatchcase(name, pattern)
        ]

    def read_bytes(self) -> bytes:
        data = self.view.disk.files.get(str(self))
        if data is None:
            self._missing()
        return data

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def write_bytes(self, data: Any) -> int:
        self.view.writable().write(str(self), bytes(data))
        return len(data)

    def unlink(self, missing_ok: bool = False) -> None:
        if str(self) not in self.view.disk.files:
            if missing_ok:
                return
            self._missing()
        self.view.writable().remove(str(self))

    def rmdir(self) -> None:
        self._must_exist()
        if self.view.disk.folders.get(str(self)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(self))
        self.view.writable().remove_tree(str(self))

    def replace(self, target: str | os.PathLike[str]) -> Any:
        data = self.read_bytes()
        disk = self.view.writable()
        disk.remove(str(self))
        disk.files[str(target)] = b""  # renaming needs no room
        full, disk.full = disk.full, False
        try:
            disk.write(str(target), data)
        finally:
            disk.full = full
        return type(self)(target)

    def rename(self, target: str | os.PathLike[str]) -> Any:
        return self.replace(target)

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
        del mode, exist_ok
        self.view.writable().write(str(self), self.view.disk.files.get(str(self), b""))

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """Nobody else looks at this disk."""

    def absolute(self) -> Any:
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        del follow_symlinks
        size = len(self.read_bytes()) if self.is_file() else 0
        if not size:
            self._must_exist()
        when = self.view.disk.times.get(str(self), 0)
        kind = 0o100600 if self.is_file() else 0o040700
        times = {"st_mtime_ns": when, "st_blocks": (size + 511) // 512}
        return os.stat_result((kind, 0, 0, 1, 0, 0, size, when, when, when), times)

    def open(self, mode: str = "r", *args: Any, **named: Any) -> IO[Any]:  # type: ignore[override]
        del args, named
        if "r" in mode:
            return io.BytesIO(self.read_bytes())
        if "x" in mode and self.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))
        before = self.view.disk.files.get(str(self), b"") if "a" in mode else b""
        self.view.writable().write(str(self), before)
        return cast(IO[Any], _Writer(self, before))

    def _must_exist(self) -> None:
        if not self.exists():
            self._missing()

    def _missing(self) -> NoReturn:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))


class _Writer(io.BytesIO):
    """An open file; what is written is on the disk at once."""

    def __init__(self, path: MemoryPath, content: bytes) -> None:
        super().__init__(content)
        self.seek(0, os.SEEK_END)
        self._path = path

    def write(self, data: Any) -> int:
        count = super().write(data)
        self._path.view.writable().write(str(self._path), self.getvalue())
        return count
