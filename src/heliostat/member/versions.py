"""Versions of an entry on the disk: folders that never change, and a link to the one that counts.

Replacing an entry is one rename: a reader finds the old files or the new ones, also after a
crash.  Whoever may write to the store may put anything into its folder, and root works in it,
too: so only links to versions beside them count, and nothing here follows any other link.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.files import sync_directory
from heliostat.member import openssl

LONGEST = 3 * openssl.MAX_PEM_BYTES
"""Bytes of a file that are read: both of a pair, and what openssl makes of a list."""
_VERSION = re.compile(r"\.(?P<entry>.+):[0-9a-f]{16}")
_PLACE = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Versions:
    """The versions in ``folder``, with their modes."""

    def __init__(self, folder: Path, file_mode: int, folder_mode: int) -> None:
        self._folder = folder
        self._file_mode = file_mode
        self._folder_mode = folder_mode

    def names(self) -> list[str]:
        """Of all entries, in order; raises ``OSError``."""
        return sorted(each.name for each in self._folder.iterdir() if self._current(each.name))

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """A handle of the version that counts.

        Raises ``FileNotFoundError`` for what is no entry, other ``OSError`` as it is used.
        """
        version = self._current(name)
        if version is None:
            raise FileNotFoundError(name)
        place = os.open(version, _PLACE)
        try:
            yield place
        finally:
            os.close(place)

    def replace(self, name: str, files: Mapping[str, bytes]) -> None:
        """Have these files count from now on."""
        version = self._folder / f".{name}:{secrets.token_hex(8)}"
        version.mkdir(mode=0o700)
        place = os.open(version, _PLACE)
        try:
            os.fchmod(place, self._folder_mode)  # whatever our umask is
            for file, content in files.items():
                _write(place, file, content, self._file_mode)
            os.fsync(place)
        finally:
            os.close(place)
        link = self._folder / f".{name}:link"
        link.unlink(missing_ok=True)
        link.symlink_to(version.name)
        link.replace(self._folder / name)
        sync_directory(self._folder)
        self._sweep(name, version)

    def delete(self, name: str) -> None:
        """No version counts any more, and the one that did goes."""
        version = self._current(name)
        (self._folder / name).unlink()
        sync_directory(self._folder)
        if version is not None:
            _remove(version)

    def _sweep(self, name: str, current: Path) -> None:
        """Versions before, and those of writers who were killed."""
        for each in self._folder.glob(f".{name}:*"):
            if each != current:
                _remove(each)

    def _current(self, name: str) -> Path | None:
        """The version that the link ``name`` is to; ``None`` for what is no entry."""
        try:
            to = os.readlink(self._folder / name)
        except PermissionError:
            raise
        except OSError:  # not there, or no link
            return None
        found = _VERSION.fullmatch(to)
        return self._folder / to if found is not None and found["entry"] == name else None


def read(place: int, name: str) -> bytes:
    """A plain file of a version; raises ``OSError``, also for a link or a pipe."""
    with os.fdopen(os.open(name, _FILE, dir_fd=place), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(f"{name} is no plain file")
        content = stream.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise OSError(f"{name} is larger than anything that was put here")
    return content


def _write(place: int, name: str, content: bytes, mode: int) -> None:
    """A new file, on the disk when this returns; its access list comes from its folder."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=place)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(handle, mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _remove(path: Path) -> None:
    """A version, or what somebody who may write put where one would be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
