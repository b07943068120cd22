"""What is known of a kept outcome, and whether it is still what was made.

Forcing a tree and a disk to the medium takes seconds, which each build would pay for the rare
one before a power cut.  So a record tells in which start of the machine it was made, and how
much room its files took by then; one of an earlier start is looked at before it is used again.
What had not reached the medium takes less room, and results have digests.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.core.files import atomic_write
from heliostat.os.cache.size import disk_bytes
from heliostat.os.image import sparse

RECORD = "stage.json"
_THIS_START = Path("/proc/sys/kernel/random/boot_id")


class OutputFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file that a stage made."""

    sha256: str
    size_bytes: int


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """What is known about a kept outcome; ``files`` only where the stage is ``hashed``."""

    name: str
    identity: str
    inputs: dict[str, str]
    files: dict[str, OutputFile]
    seconds: float
    made_at_ms: int
    disk_bytes: int = 0
    start: str = ""
    """Of the machine, in which the outcome was made or found whole."""


def this_start() -> str:
    """Another one after each start of the machine; the same in all containers on it."""
    return _THIS_START.read_text().strip()


def write_record(folder: Path, record: Record) -> None:
    """Beside the files, which are all there."""
    atomic_write(folder / RECORD, msgspec.json.encode(record))


def read_record(path: Path) -> Record | None:
    """The record in that file, if it is one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def whole_record(folder: Path) -> Record | None:
    """The record of the outcome in ``folder``, if that is what was made."""
    record = read_record(folder / RECORD)
    if record is None or record.start == this_start():
        return record
    # the record itself, which may be long, came after its own count
    taken = disk_bytes(folder) - disk_bytes(folder / RECORD)
    if taken < record.disk_bytes or not _is_digested(folder, record):
        return None
    record = msgspec.structs.replace(record, start=this_start())
    write_record(folder, record)  # looked at once a start
    return record


def output_files(folder: Path) -> dict[str, OutputFile]:
    """The files in ``folder``, by their names."""
    return {
        path.name: OutputFile(sparse.sha256(path), path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file()
    }


def _is_digested(folder: Path, record: Record) -> bool:
    paths = {name: folder / name for name in record.files}
    return all(
        path.is_file() and sparse.sha256(path) == record.files[name].sha256
        for name, path in paths.items()
    )
