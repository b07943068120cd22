"""Images that were built: their files, and beside them a record of what is in them.

``<edition>-<identity>.json`` describes the files ``<edition>-<identity><suffix>`` in the
same folder.  The record is written last and names only files that are whole, so an image
without a record was never finished.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write

_SHORT = 16


class ImageFile(msgspec.Struct, frozen=True, rename="camel"):
    """One format of an image."""

    name: str
    """Of the file, in the folder of the record."""
    sha256: str
    size_bytes: int
    ftype: str
    """What the download index calls the format."""


class PackageRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A package in an image, and how it came to be trusted."""

    name: str
    version: str
    arch: str
    sha256: str
    """Of the package's file, as the signed metadata has it."""
    repository: str
    source: str
    """Name of the source package."""
    signer: str
    """Key that signed the package, or nothing."""


class ImageRecord(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is known of an image."""

    name: str
    identity: str
    summary: str
    version: str
    epoch: int
    """SOURCE_DATE_EPOCH: seconds since 1970."""
    tree: str
    """Digest of the root tree: every file's path, type, mode, owner, time and content."""
    virtual_size_bytes: int
    built_at_ms: int
    files: dict[str, ImageFile]
    """By format."""
    packages: list[PackageRecord]
    inputs: dict[str, dict[str, str]]
    """What each stage was made from."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """A finished image; ``path``, ``digest`` and ``size_bytes`` are of its first format."""

    record: ImageRecord
    path: Path
    cached: bool
    """Was everything there already?"""

    @property
    def name(self) -> str:
        """The edition."""
        return self.record.name

    @property
    def file(self) -> ImageFile:
        """The record of the file at ``path``."""
        return next(each for each in self.record.files.values() if each.name == self.path.name)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return self.file.sha256

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self.file.size_bytes

    @property
    def virtual_size_bytes(self) -> int:
        """Size of the disk in it."""
        return self.record.virtual_size_bytes

    @property
    def identity(self) -> str:
        """Hash of all that the image is made from."""
        return self.record.identity

    @property
    def release(self) -> str:
        """Version: date of its newest package, and the start of its identity."""
        return self.record.version

    @property
    def built_at_ms(self) -> int:
        """When it was finished."""
        return self.record.built_at_ms

    @property
    def packages(self) -> dict[str, str]:
        """Versions by name."""
        return {package.name: package.version for package in self.record.packages}

    def files(self) -> dict[str, Path]:
        """Paths by format."""
        folder = self.path.parent
        return {kind: folder / each.name for kind, each in self.record.files.items()}


def stem_of(edition: str, identity: str) -> str:
    """How the names of an image's files begin."""
    return f"{edition}-{identity[:_SHORT]}"


def version_of(epoch: int, identity: str) -> str:
    """Sorts by time, and tells builds of one time apart."""
    return f"{time.strftime('%Y%m%d_%H%M', time.gmtime(epoch))}_{identity[:8]}"


def publish(folder: Path, record: ImageRecord, files: Mapping[str, Path], first: str) -> BuiltImage:
    """Put ``files`` (by format) into ``folder`` and write the record.

    Formats that an earlier build of the same image made stay in the record.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for format_name, source in files.items():
        place(source, folder / record.files[format_name].name)
    path = folder / f"{stem_of(record.name, record.identity)}.json"
    earlier = _read(path)
    if earlier is not None:
        record = msgspec.structs.replace(record, files={**earlier.files, **record.files})
    atomic_write(path, encoded(record))
    return BuiltImage(record, folder / record.files[first].name, cached=False)


def built_images(folder: Path) -> list[BuiltImage]:
    """The finished images in ``folder``, newest first."""
    records = (_read(path) for path in folder.glob("*.json"))
    found = [BuiltImage(each, _first(folder, each), cached=True) for each in records if each]
    return sorted(found, key=lambda image: -image.built_at_ms)


def find_image(folder: Path, name: str) -> BuiltImage:
    """The newest image of that edition, or the one whose identity or version begins so."""
    images = built_images(folder)
    for image in images:
        if _is_called(image, name):
            return image
    there = ", ".join(sorted({image.name for image in images}))
    raise HeliostatError(
        "ImageNotFound",
        f"No image {name} was built in {folder}.",
        hint=f"{f'There are {there}. ' if there else ''}`helio os image build EDITION` builds one.",
    )


def is_built(folder: Path, name: str) -> bool:
    """Whether :func:`find_image` would find one."""
    return any(_is_called(image, name) for image in built_images(folder))


def _is_called(image: BuiltImage, name: str) -> bool:
    starts = image.identity.startswith(name) or image.release.startswith(name)
    return image.name == name or (bool(name) and starts)


def remove_image(folder: Path, image: BuiltImage) -> int:
    """Remove its record, then its files; returns how many bytes that frees."""
    (folder / f"{stem_of(image.name, image.identity)}.json").unlink(missing_ok=True)
    freed = 0
    for path in image.files().values():
        if path.exists():
            status = path.stat()
            freed += status.st_blocks * 512 if status.st_nlink == 1 else 0
            path.unlink()
    return freed


def encoded(record: ImageRecord) -> bytes:
    """The record as it is written: for people too, and in the order of names."""
    return msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1)


def place(source: Path, target: Path) -> None:
    """Link ``source`` to ``target``, or copy it where links don't reach; whole at once."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        os.link(source, beside)
    except OSError:
        shutil.copyfile(source, beside)
    os.replace(beside, target)
    beside.unlink(missing_ok=True)  # replacing a link by another to the same file does nothing


def _first(folder: Path, record: ImageRecord) -> Path:
    preferred = record.files.get("qcow2") or next(iter(record.files.values()))
    return folder / preferred.name


def _read(path: Path) -> ImageRecord | None:
    """The record, without files that are gone or have another size; none if all are."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=ImageRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    files = {
        kind: each
        for kind, each in record.files.items()
        if _size(path.parent / each.name) == each.size_bytes
    }
    return msgspec.structs.replace(record, files=files) if files else None


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
