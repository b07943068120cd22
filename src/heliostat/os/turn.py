"""One after another: a lock file that a second process waits for, and is told so.

The lock ends with its process, so a killed one leaves nothing to clean up.  The time of a
lock file is when it was last taken.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.os.monitor import Monitor, SilentMonitor


@contextmanager
def turn(path: Path, doing: str, monitor: Monitor | None = None) -> Iterator[None]:
    """Hold the lock file ``path`` (made if need be), after whoever holds it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            (monitor or SilentMonitor()).progress(f"another process is {doing}; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        os.utime(path)
        yield


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Hold ``path`` together with others who use what it guards."""
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        os.utime(path)
        yield


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Whether nobody makes or uses what ``path`` guards, and nobody starts to meanwhile."""
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
