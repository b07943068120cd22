"""qcow2 files through ``qemu-img``: made under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import struct
import uuid
from pathlib import Path

from heliostat.content.blobs import disk_full
from heliostat.core.files import sync_directory
from heliostat.core.process import CommandFailed, run_async

_TIMEOUT_S = 60.0
_HEADER = struct.Struct(">4sIQI")


async def virtual_size(image: Path) -> int:
    """The size in bytes that a guest sees of a qcow2 file."""
    argv = ["qemu-img", "info", "--force-share", "--output=json", "-f", "qcow2", str(image)]
    output = await run_async(argv, timeout_s=_TIMEOUT_S)
    return int(json.loads(output.stdout)["virtual-size"])


def backing(disk: Path) -> Path | None:
    """The file that a qcow2 file stands on, from its header; ``None`` for none.

    Format: docs/interop/qcow2.txt of QEMU.  Read here rather than by ``qemu-img``, since a
    datastore may hold thousands of disks.
    """
    try:
        with disk.open("rb") as stream:
            magic, _, offset, length = _HEADER.unpack(stream.read(_HEADER.size))
            if magic != b"QFI\xfb" or not offset:
                return None
            stream.seek(offset)
            return Path(os.fsdecode(stream.read(length)))
    except (FileNotFoundError, struct.error):
        return None


async def create(path: Path, capacity_bytes: int, backing: Path | None) -> None:
    """An empty disk, or an overlay on ``backing`` (absolute); raises ``DiskFull``."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    argv = ["qemu-img", "create", "-q", "-f", "qcow2"]
    if backing is not None:
        argv += ["-b", str(backing), "-F", "qcow2"]
    try:
        await run_async([*argv, str(part), str(capacity_bytes)], timeout_s=_TIMEOUT_S)
        _settle(part, path)
    except CommandFailed as error:
        if "No space left" in error.stderr:
            raise disk_full(path.parent, 0) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def _settle(part: Path, path: Path) -> None:
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(part, path)
    sync_directory(path.parent)
