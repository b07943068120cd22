"""A disk without space, told as such wherever it is met: ``DiskFull`` with what was being done."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from heliostat.core.errors import HeliostatError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    """Whether the disk, or the user's share of it, has nothing left."""
    return error.errno in _FULL


@contextmanager
def full_disk_told(sentence: str, hint: str) -> Iterator[None]:
    """Other faults of the disk pass as they are."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise HeliostatError("DiskFull", sentence, hint=hint) from error
