"""One process a role and folder: the kernel's lock says who, and ends with its holder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.errors import PermanentError


@contextmanager
def role_lock(folder: Path, role: str) -> Iterator[None]:
    """Hold ``<folder>/<role>.lock`` for the block; raises ``AlreadyRunning``."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{role}.lock").open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PermanentError(
                "AlreadyRunning", f"Another {role} already runs in {folder}."
            ) from error
        yield
