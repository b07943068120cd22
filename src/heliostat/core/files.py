"""Durable files: one way to write a file so that a reader never sees half of it.

A path knows its disk.  Usually that is the machine's; a :class:`VirtualPath`
brings its own (the simulator's, in memory), which these functions then use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

_SYNCING_THREADS = 8


class VirtualPath(ABC):
    """What a path on a disk of its own does besides what every ``Path`` does."""

    __slots__ = ()

    @abstractmethod
    def write_whole(self, data: bytes) -> None:
        """Replace the content at once; raises ``OSError``."""

    @abstractmethod
    def remove_tree(self) -> None:
        """Remove the folder and all that is in it."""

    @abstractmethod
    def claimed(self) -> AbstractContextManager[bool]:
        """Hold the lock on this file: whether nobody else held it."""


def atomic_write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` with ``data``; after return the new content survives power loss.

    Raises ``OSError`` as the file system gives it; the old file is then intact.
    """
    if isinstance(path, VirtualPath):
        path.write_whole(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if os.chmod in os.supports_fd:  # by its name, it could be another file by now
                os.chmod(handle, mode)
            else:
                os.chmod(name, mode)
            os.fsync(stream.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create_once(path: Path, data: bytes, *, mode: int = 0o600) -> bool:
    """Make ``path`` with ``data``, whole and durable, unless somebody was quicker: whether we did.

    Who is told ``False`` reads what the quicker one wrote.  Raises ``OSError``.
    """
    if isinstance(path, VirtualPath):
        if path.exists():
            return False
        path.write_whole(data)
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.chmod(name, mode)
            os.fsync(stream.fileno())
        os.link(name, path)  # unlike a rename, refused where there is one
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
        sync_directory(path.parent)
    return True


def sync_directory(path: Path) -> None:
    """Make a rename inside ``path`` durable; a no-op where folders can't be opened."""
    if os.name != "posix" or isinstance(path, VirtualPath):
        return
    _sync(path)


def sync_all(paths: Iterable[Path]) -> None:
    """Make the contents of files and folders durable, several at once.

    Waited for one after the other, each would be a write of the disk's own.
    """
    from concurrent.futures import ThreadPoolExecutor  # late: commands that only read start faster

    with ThreadPoolExecutor(_SYNCING_THREADS) as pool:
        for _ in pool.map(_sync, paths):
            pass  # the errors of all


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path, stream: BinaryIO) -> None:
    """Make what was written to ``stream``, the open file ``path``, durable."""
    stream.flush()
    if not isinstance(path, VirtualPath):
        os.fsync(stream.fileno())


def remove_tree(path: Path) -> None:
    """Remove a folder and all that is in it; raises ``OSError``."""
    if isinstance(path, VirtualPath):
        path.remove_tree()
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold the lock on the file ``path`` (made if need be): whether nobody else held it.

    A claim ends with its process.
    """
    if isinstance(path, VirtualPath):
        with path.claimed() as alone:
            yield alone
        return
    import fcntl  # POSIX only, as are those who claim

    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
