"""Checking and converting disks with qemu-img, the format always given, never probed."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliostat.content.blobs import disk_full
from heliostat.controller.images.faults import invalid_image, invalid_vmdk
from heliostat.controller.images.formats import Format
from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run_async

_PERCENT = re.compile(rb"\((\d+(?:\.\d+)?)/100%\)")
_NO_SPACE = "No space left on device"
_LEAKS_ONLY = 3
_CHECK_TIMEOUT_S = 600.0


async def check(path: Path, image_format: Format) -> None:
    """Let QEMU check the tables of a qcow2 or VMDK; damage is refused, unused space is not."""
    argv = ["qemu-img", "check", "-f", image_format, "--output=json", str(path)]
    try:
        out = await run_async(argv, timeout_s=_CHECK_TIMEOUT_S)
        report: dict[str, Any] = json.loads(out.stdout)
    except CommandFailed as error:
        if error.exit_code is None:
            raise _qemu_missing(error) from error
        report = _report_of(error, image_format)
    end = int(report.get("image-end-offset", 0))
    size_bytes = await asyncio.to_thread(os.path.getsize, path)
    # a last cluster that is compressed may end early (and fails to unpack if it was cut);
    # any other must be whole, because QEMU reads what is missing as zeros
    if end > size_bytes and (report.get("leaks") or await _data_end(path) > size_bytes):
        raise _damaged(image_format, f"it should have {end} bytes and has {size_bytes}")


async def _data_end(path: Path) -> int:
    """Where the last uncompressed cluster of a qcow2 ends in its file."""
    argv = ["qemu-img", "map", "-f", "qcow2", "--output=json", str(path)]
    extents = json.loads((await run_async(argv, timeout_s=_CHECK_TIMEOUT_S)).stdout)
    return max((item["offset"] + item["length"] for item in extents if "offset" in item), default=0)


async def convert(
    source: Path, image_format: Format, out: Path, progress: Callable[[float], None]
) -> None:
    """Write ``source`` as qcow2 with zstd to ``out``; ``progress`` gets 0..1.

    The same source gives the same bytes.  Cancelling kills qemu-img.
    """
    argv = ["qemu-img", "convert", "-p", "-c", "-f", image_format, "-O", "qcow2"]
    argv += ["-o", "compression_type=zstd", str(source), str(out)]
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    except FileNotFoundError as error:
        raise _qemu_missing(error) from error
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
        raise _conversion_failed(complaint.result().decode(errors="replace"), image_format, out)


async def virtual_bytes(path: Path) -> int:
    """Virtual size of a qcow2 of ours."""
    argv = ["qemu-img", "info", "-f", "qcow2", "--output=json", str(path)]
    return int(json.loads((await run_async(argv, timeout_s=60)).stdout)["virtual-size"])


async def _follow(stream: asyncio.StreamReader, progress: Callable[[float], None]) -> None:
    while data := await stream.read(4096):
        found = _PERCENT.findall(data)
        if found:
            progress(float(found[-1]) / 100)


def _report_of(error: CommandFailed, image_format: Format) -> dict[str, Any]:
    if error.exit_code == _LEAKS_ONLY:
        report: dict[str, Any] = json.loads(error.stdout)
        return report
    raise _damaged(image_format, _last_line(error.stderr)) from error


def _conversion_failed(complaint: str, image_format: Format, out: Path) -> HeliostatError:
    if _NO_SPACE in complaint:
        return disk_full(out.parent, out.stat().st_size if out.exists() else 0)
    return _damaged(image_format, _last_line(complaint))


def _damaged(image_format: Format, why: str) -> HeliostatError:
    make = invalid_vmdk if image_format is Format.VMDK else invalid_image
    return make(f"The {image_format} image is damaged or truncated: {why}.")


def _last_line(text: str) -> str:
    """What QEMU says in the end, without the path of our file."""
    lines = [line for line in text.strip().splitlines() if line.strip()] or ["it can't be read"]
    return re.sub(r"(qemu-img: |'[^']*/[^']*'|/\S*/)", "", lines[-1]).strip(" .:")


def _qemu_missing(error: Exception) -> HeliostatError:
    if isinstance(error, CommandFailed) and "is not installed" not in error.message:
        return error
    return HeliostatError(
        "QemuMissing",
        "qemu-img is not installed, so images can't be checked.",
        hint="Install it: `apt-get install qemu-utils`.",
    )
