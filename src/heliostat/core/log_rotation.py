"""A log on standard error that is a file, kept from filling the disk.

The file is copied to ``NAME.1`` (that one to ``NAME.2`` and so on, up to
``kept``) and then cut: the process's descriptors, and whoever follows the file,
stay on it.  What the interpreter itself writes there is kept, too, but for what
another thread may write in the moment between copy and cut.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

LOG_FILE_ENV = "HELIO_LOG_FILE"
"""Set by whoever made standard error a file of its own: its path."""


class RotatingStream(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error, which is ``path``; a full disk loses old lines, never the process."""

    def __init__(self, path: Path, *, largest_bytes: int, kept: int) -> None:
        super().__init__(sys.stderr)
        self._path = path
        self._largest_bytes = largest_bytes
        self._kept = kept
        self._left_bytes = 0

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self._left_bytes < 0:
            self._look()

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        self._left_bytes -= len(line)
        return line

    def _look(self) -> None:
        """The file's own size is looked at now and then: others write to it, too."""
        try:
            size_bytes = self._path.stat().st_size
            if size_bytes >= self._largest_bytes:
                rotate(self._path, self._kept)
                size_bytes = 0
        except OSError as error:
            print(f"The log {self._path} can't be rotated: {error}", file=sys.stderr)
            size_bytes = 0
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
