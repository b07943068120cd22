"""OVA appliances: a tar with an .ovf first, perhaps a manifest, and one disk.

The tar is read in place; nothing of it is unpacked but the disk, under a name
of ours.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from heliostat.controller.images import ovf
from heliostat.controller.images.faults import invalid_ova
from heliostat.controller.model.image import ImageSetting

_MAX_OVF_BYTES = 4 << 20
_MAX_MEMBERS = 64
_CHUNK_BYTES = 1 << 20
_MANIFEST_LINE = re.compile(r"(SHA1|SHA256|SHA512)\s*\(([^)]+)\)\s*=\s*([0-9a-fA-F]+)")


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the tar."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Appliance:
    """An OVA that was looked into."""

    disk: Member
    settings: tuple[ImageSetting, ...]


def inspect(path: Path) -> Appliance:
    """Find the disk and the settings; ``InvalidOva`` if anything is missing or altered."""
    members = _members(path)
    first = next(iter(members.values()))
    if not first.name.lower().endswith(".ovf"):
        raise invalid_ova(f"The OVA begins with {first.name}; the .ovf must come first.")
    description = ovf.parse(_read(path, first))
    disk = members.get(description.disk_name)
    if disk is None:
        raise invalid_ova(f"The OVA lacks the file {description.disk_name} that its OVF names.")
    for member in members.values():
        if member.name.lower().endswith(".mf"):
            _check_manifest(path, _read(path, member), members)
    return Appliance(disk, description.settings)


def extract(path: Path, member: Member, out: Path) -> None:
    """Copy a file of the tar to ``out``."""
    with path.open("rb") as source, out.open("wb") as target:
        source.seek(member.offset)
        left = member.size
        while left and (data := source.read(min(left, _CHUNK_BYTES))):
            target.write(data)
            left -= len(data)


def _members(path: Path) -> dict[str, Member]:
    members: dict[str, Member] = {}
    size_bytes = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for item in archive:
                if not item.isreg() or "/" in item.name or len(members) == _MAX_MEMBERS:
                    raise invalid_ova(f"The OVA holds {item.name!r}, which is no file beside it.")
                if item.offset_data + item.size > size_bytes:
                    raise invalid_ova(f"The OVA is truncated inside {item.name}.")
                members[item.name] = Member(item.name, item.offset_data, item.size)
    except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
        raise invalid_ova(f"The OVA is not a whole tar: {error}.") from error
    if not members:
        raise invalid_ova("The OVA is empty.")
    return members


def _read(path: Path, member: Member) -> bytes:
    if member.size > _MAX_OVF_BYTES:
        raise invalid_ova(f"The OVA's {member.name} is too large to be a description.")
    with path.open("rb") as stream:
        stream.seek(member.offset)
        return stream.read(member.size)


def _check_manifest(path: Path, manifest: bytes, members: dict[str, Member]) -> None:
    for algorithm, name, wanted in _MANIFEST_LINE.findall(manifest.decode(errors="replace")):
        member = members.get(name.strip())
        if member is None:
            raise invalid_ova(f"The OVA's manifest names {name}, which is not in it.")
        if _digest(path, member, algorithm.lower()) != wanted.lower():
            raise invalid_ova(f"The OVA's {name} does not match its {algorithm} in the manifest.")


def _digest(path: Path, member: Member, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as stream:
        stream.seek(member.offset)
        left = member.size
        while left and (data := stream.read(min(left, _CHUNK_BYTES))):
            digest.update(data)
            left -= len(data)
    return digest.hexdigest()
