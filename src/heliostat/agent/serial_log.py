"""Serial logs: read the end of one, and keep them from growing for ever.

QEMU appends to an open file, so a full log is copied and then cut to nothing in
place; what the guest prints between the two is lost (some milliseconds).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

SERIAL_LOG = "serial.log"
MAX_TAIL_BYTES = 1 << 20


def tail(folder: Path, size_bytes: int) -> str:
    """The last ``size_bytes`` of a guest's serial output, across one rotation."""
    wanted = max(0, min(size_bytes, MAX_TAIL_BYTES))
    data = _end_of(folder / SERIAL_LOG, wanted)
    if len(data) < wanted:
        data = _end_of(folder / f"{SERIAL_LOG}.1", wanted - len(data)) + data
    return data.decode(errors="replace")


def rotate(folder: Path, *, max_bytes: int, keep: int) -> bool:
    """Rotate the log if it is larger than ``max_bytes``, keeping ``keep`` old ones."""
    log = folder / SERIAL_LOG
    try:
        if log.stat().st_size <= max_bytes:
            return False
    except FileNotFoundError:
        return False
    for number in range(keep - 1, 0, -1):
        older = folder / f"{SERIAL_LOG}.{number}"
        if older.exists():
            os.replace(older, folder / f"{SERIAL_LOG}.{number + 1}")
    if keep > 0:
        shutil.copyfile(log, folder / f"{SERIAL_LOG}.1")
    os.truncate(log, 0)
    return True


def _end_of(path: Path, size_bytes: int) -> bytes:
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(end - size_bytes, 0))
            return stream.read(size_bytes)
    except FileNotFoundError:
        return b""
