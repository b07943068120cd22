"""Uploads made uniform: inspect, check, convert to one qcow2, store.

The upload itself stays a blob; who referred to it drops that reference when the
image is ready.  Everything in between lives in a scratch folder of the blob
store and is gone however this ends.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heliostat.content.blobs import Blobs, disk_full
from heliostat.controller.images import conversion, ova, qcow2, raw, vmdk
from heliostat.controller.images.faults import invalid_image, invalid_ova, too_large
from heliostat.controller.images.formats import Format, detect
from heliostat.controller.model.image import ImageSetting
from heliostat.controller.workflows.image_files import NormalisedImage
from heliostat.core.errors import HeliostatError

_INSPECT = {Format.RAW: raw.inspect, Format.QCOW2: qcow2.inspect, Format.VMDK: vmdk.inspect}


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk in a file: its format, and its size as a guest sees it."""

    path: Path
    format: Format
    virtual_bytes: int


class QemuImageFiles:
    """Checks and converts image files with headers read here and with qemu-img."""

    async def normalise(
        self, blobs: Blobs, upload_digest: str, max_bytes: int, progress: Callable[[float], None]
    ) -> NormalisedImage:
        """Store the upload as a qcow2 blob; the same upload gives the same blob."""
        upload = blobs.path(upload_digest)
        with blobs.scratch() as scratch:
            upload_format = await asyncio.to_thread(detect, upload)
            settings: tuple[ImageSetting, ...] = ()
            source = upload
            if upload_format is Format.OVA:
                source = scratch / "disk.vmdk"
                settings = await asyncio.to_thread(_unpack, upload, source, blobs.root)
            disk = await asyncio.to_thread(inspect_disk, source, max_bytes)
            if disk.format is not Format.RAW:
                await conversion.check(disk.path, disk.format)
            out = scratch / "disk.qcow2"
            await conversion.convert(disk.path, disk.format, out, progress)
            virtual_bytes = await conversion.virtual_bytes(out)
            blob = await asyncio.to_thread(blobs.adopt, out)
        progress(1.0)
        return NormalisedImage(
            digest=blob.digest,
            blob_size_bytes=blob.size_bytes,
            virtual_size_bytes=virtual_bytes,
            file_format=upload_format.value,
            settings=settings,
        )

    async def examine(self, blobs: Blobs, digest: str, max_bytes: int) -> NormalisedImage:
        """Look into a qcow2 blob that is used as it is."""
        await asyncio.to_thread(blobs.hold, digest)
        path = blobs.path(digest)
        disk = await asyncio.to_thread(inspect_disk, path, max_bytes)
        if disk.format is not Format.QCOW2:
            raise invalid_image(f"The image is a {disk.format} file, not qcow2.")
        await conversion.check(path, disk.format)
        return NormalisedImage(
            digest=digest,
            blob_size_bytes=blobs.size_bytes(digest),
            virtual_size_bytes=disk.virtual_bytes,
            file_format=disk.format.value,
        )


def inspect_disk(path: Path, max_bytes: int) -> Disk:
    """Look at the headers of a raw, qcow2 or VMDK file; refuse what is too large."""
    disk_format = detect(path)
    if disk_format is Format.OVA:
        raise invalid_ova("The OVA's disk is itself an archive.")
    virtual_bytes = _INSPECT[disk_format](path)
    if virtual_bytes > max_bytes:
        raise too_large(virtual_bytes, max_bytes)
    return Disk(path, disk_format, virtual_bytes)


def _unpack(upload: Path, out: Path, root: Path) -> tuple[ImageSetting, ...]:
    appliance = ova.inspect(upload)
    try:
        ova.extract(upload, appliance.disk, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(root, out.stat().st_size if out.exists() else 0) from error
        raise
    try:
        found = detect(out)
    except HeliostatError as error:
        raise invalid_ova(f"The OVA's disk {appliance.disk.name}: {error.message}") from error
    if found is not Format.VMDK:
        raise invalid_ova(f"The OVA's disk {appliance.disk.name} is {found}, not VMDK.")
    return appliance.settings
