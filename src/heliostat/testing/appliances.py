"""Image files for tests: disks made by qemu-img and appliances put together by hand."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
_NAMESPACE = "http://schemas.dmtf.org/ovf/envelope/1"
_ITEMS = (("6", "VirtualSCSI"), ("10", "VmxNet3"), ("10", "E1000"), ("3", ""))


def raw_disk(path: Path, *, size_bytes: int = 2 * MIB, seed: int = 1) -> bytes:
    """A raw disk with a boot signature; its second half is holes."""
    noise = random.Random(seed).randbytes(size_bytes // 2 - 512)  # noqa: S311 - content, no secret
    head = bytearray(noise[:512])
    head[440:510] = bytes(70)
    head[510:512] = b"\x55\xaa"
    content = bytes(head) + noise + bytes(size_bytes // 2 - 512)
    path.write_bytes(content[:size_bytes].ljust(size_bytes, b"\0"))
    return path.read_bytes()


def converted(source: Path, out: Path, image_format: str, *options: str) -> Path:
    """``source`` (raw) in another format."""
    argv = ["qemu-img", "convert", "-f", "raw", "-O", image_format, *options]
    subprocess.run([*argv, str(source), str(out)], check=True, capture_output=True)
    return out


def stream_vmdk(source: Path, out: Path) -> Path:
    """``source`` (raw) as a streamOptimized VMDK."""
    return converted(source, out, "vmdk", "-o", "subformat=streamOptimized")


def description(
    disks: Sequence[str] = ("disk1.vmdk",), *, extra: str = "", items: bool = True
) -> bytes:
    """An OVF whose disks lie in these files."""
    files = "".join(
        f'<File ovf:href="{name}" ovf:id="file{number}"/>' for number, name in enumerate(disks)
    )
    listed = "".join(
        f'<Disk ovf:capacity="2097152" ovf:diskId="d{number}" ovf:fileRef="file{number}"/>'
        for number, _ in enumerate(disks)
    )
    hardware = "".join(
        f"<Item><r:ResourceType>{kind}</r:ResourceType>"
        + (f"<r:ResourceSubType>{subtype}</r:ResourceSubType>" if subtype else "")
        + "</Item>"
        for kind, subtype in _ITEMS
        if items
    )
    return (
        f'<?xml version="1.0"?><Envelope xmlns="{_NAMESPACE}" xmlns:ovf="{_NAMESPACE}"'
        ' xmlns:r="urn:r" xmlns:vmw="urn:vmw">'
        f"<References>{files}</References><DiskSection>{listed}</DiskSection>"
        f"<VirtualSystem><VirtualHardwareSection>{hardware}{extra}</VirtualHardwareSection>"
        "</VirtualSystem></Envelope>"
    ).encode()


def manifest(files: Sequence[tuple[str, bytes]], algorithm: str = "SHA256") -> bytes:
    """A manifest over these files."""
    lines = (
        f"{algorithm}({name})= {hashlib.new(algorithm.lower(), data).hexdigest()}\n"
        for name, data in files
    )
    return "".join(lines).encode()


def appliance(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    """A tar of these files, in this order."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@dataclass(frozen=True, slots=True)
class Samples:
    """The same content as raw, qcow2 (plain and compressed), VMDK (two kinds) and OVA."""

    content: bytes
    raw: Path
    qcow2: Path
    compressed: Path
    stream: Path
    sparse: Path
    ova: Path


def make_samples(folder: Path) -> Samples:
    """One small disk in every accepted format."""
    raw = folder / "disk.raw"
    content = raw_disk(raw)
    stream = stream_vmdk(raw, folder / "stream.vmdk")
    files = [("box.ovf", description()), ("disk1.vmdk", stream.read_bytes())]
    files.insert(1, ("box.mf", manifest(files)))
    return Samples(
        content=content,
        raw=raw,
        qcow2=converted(raw, folder / "disk.qcow2", "qcow2"),
        compressed=converted(raw, folder / "small.qcow2", "qcow2", "-c"),
        stream=stream,
        sparse=converted(raw, folder / "sparse.vmdk", "vmdk"),
        ova=appliance(folder / "box.ova", files),
    )
