"""A folder to measure in, beside what is shared; what killed benchmarks left goes first.

Whoever works in one holds it locked, and a lock ends with its process.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.os.image.workspace import remove

_PREFIX = "benchmark-"


@contextmanager
def workplace(within: Path) -> Iterator[Path]:
    """An empty folder in ``within``, for as long as the context is open."""
    within.mkdir(parents=True, exist_ok=True)
    for left in within.glob(f"{_PREFIX}*"):
        with _locked(left) as alone:
            if alone:
                remove(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
    with _locked(folder):
        try:
            yield folder
        finally:
            remove(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether nobody else works in ``folder``; if so, nobody does meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)
