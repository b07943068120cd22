"""A log on standard error that is a file, kept from filling the disk.

The file is copied to ``NAME.1`` (that one to ``NAME.2`` and so on, up to
``kept``) and then cut: the process's descriptors, and whoever follows the file,
stay on it.  What the interpreter itself writes there is kept, too, but for what
another thread may write in the moment between copy and cut.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TextIO

LOG_FILE_ENV = "HELIO_LOG_FILE"
"""Set by whoever made standard error a file of its own: its path."""


class RotatingStream:
    """``stream``, which is the file ``path``; rotated before it is twice ``largest_bytes``.

    What can't be rotated is said there and grows on: a log never ends its process.
    """

    def __init__(self, stream: TextIO, path: Path, *, largest_bytes: int, kept: int) -> None:
        self._stream = stream
        self._path = path
        self._largest_bytes = largest_bytes
        self._kept = kept
        self._left_bytes = 0

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._left_bytes -= len(text)
        if self._left_bytes < 0:
            self._look()
        return written

    def flush(self) -> None:
        self._stream.flush()

    def _look(self) -> None:
        """The file's own size is looked at now and then: others write to it, too."""
        self._stream.flush()
        size_bytes = 0
        try:
            size_bytes = self._path.stat().st_size
            if size_bytes >= self._largest_bytes:
                rotate(self._path, self._kept)
                size_bytes = 0
        except OSError as error:
            self._stream.write(f"The log {self._path} can't be rotated: {error}\n")
        self._left_bytes = (self._largest_bytes - size_bytes) // 2


def rotate(path: Path, kept: int) -> None:
    """Move the older files on by one, copy ``path`` to the first of them, and cut it."""
    for number in range(kept - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    if kept:
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
