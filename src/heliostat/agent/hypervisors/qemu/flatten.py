"""A disk and all it stands on as one qcow2 file, made by ``qemu-img`` beside guests that work."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from heliostat.content.blobs import disk_full
from heliostat.core.process import CommandFailed

_PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")
_MODESTLY = ("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10")
"""Below guests' priority, and gone with the agent even if that is killed."""


async def flatten(
    disk: Path, out: Path, progress: Callable[[float], None], *, threads: int
) -> None:
    """Write ``disk`` to ``out``, compressed with zstd; the same disk gives the same bytes.

    qemu-img takes the disk's lock, so the disk of a guest that runs is refused.
    Cancelling kills it.
    """
    argv = ["qemu-img", "convert", "-p", "-c", "-m", str(threads), "-f", "qcow2", "-O", "qcow2"]
    argv += ["-o", "compression_type=zstd", str(disk), str(out)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *_MODESTLY, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.TaskGroup() as group:
            complaint = group.create_task(process.stderr.read())
            group.create_task(_follow(process.stdout, progress))
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        words = complaint.result().decode(errors="replace")
        if "No space left" in words:
            raise disk_full(out.parent, _size(out))
        raise CommandFailed(argv, code, "", words, f"exited with {code}")
    progress(1.0)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def _follow(stream: asyncio.StreamReader, progress: Callable[[float], None]) -> None:
    while data := await stream.read(4096):
        found = _PERCENT.findall(data)
        if found:
            progress(float(found[-1]) / 100)
