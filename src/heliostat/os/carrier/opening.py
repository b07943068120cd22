"""From a path to files: what is at it, and what may hold a root tree in there.

Taken are disk images (raw, qcow2, VMDK, VHD, VHDX, VDI), compressed ones too; tar archives
around them (OVA, Google's tar.gz, Vagrant boxes); and container images (Docker's archives,
OCI layouts as archive or folder, an archive of a root tree).  What it is tell the first
bytes and the members, not the name.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, Protocol

from heliostat.core.errors import HeliostatError
from heliostat.os.carrier.container import ContainerFiles
from heliostat.os.carrier.disk import file_systems
from heliostat.os.carrier.layout import DOCKER_INDEX, OCI_MARK, is_layout
from heliostat.os.carrier.refusal import not_a_system, require_room, room_in
from heliostat.os.compressed import DAMAGED, TooLarge, packing_of, unpacking
from heliostat.os.tar_header import Header

_DISKS = (".raw", ".img", ".qcow2", ".vmdk", ".vhd", ".vhdx", ".vdi")
_OF_A_ROOT = ("usr", "etc")
_TAR_MAGIC = slice(257, 262)
_PIECE_BYTES = 1 << 20


class Files(Protocol):
    """Where files can be taken from."""

    def take(self, names: Collection[str], root: Path) -> None:
        """Put those of the files ``names`` (``usr/bin/ls``) that are there below ``root``."""

    def take_all(self, root: Path) -> dict[str, str]:
        """Put everything below ``root``; file capabilities by path."""


def parts(where: Path, work: Path) -> Iterator[Files]:
    """What may be a root in the image ``where``, the likely first; ``work`` is for copies.

    Raises ``NotASystem`` where there is nothing of that kind, and ``DiskFull``.
    """
    if is_layout(where):
        yield ContainerFiles(where, where)
        return
    if not where.is_file():
        raise not_a_system(where, "there is no such file or folder")
    plain = _unpacked(where, work)
    with plain.open("rb") as stream:
        is_tar = stream.read(512)[_TAR_MAGIC] == b"ustar"
    if not is_tar:
        yield from file_systems(plain, work, where)
        return
    try:
        yield from _in_archive(plain, work, where)
    except tarfile.TarError as error:
        raise not_a_system(where, f"the archive is damaged ({error})") from error


def _in_archive(path: Path, work: Path, subject: Path) -> Iterator[Files]:
    fault: HeliostatError | None = None
    with tarfile.open(path, "r:", tarinfo=Header) as archive:
        for number, member in enumerate(archive):
            name = member.name.removeprefix("./")
            if name in (DOCKER_INDEX, OCI_MARK):
                yield ContainerFiles(path, subject)
                return
            if name.partition("/")[0] in _OF_A_ROOT:
                yield ContainerFiles(path, subject, whole=True)
                return
            if member.isfile() and name.endswith(_DISKS):
                place = work / f"disk-{number}"
                place.mkdir()
                try:
                    disk = place / "disk"
                    _copy_member(archive, member, disk, subject)
                    yield from file_systems(disk, place, subject)
                except HeliostatError as error:
                    if error.code != "NotASystem":
                        raise
                    fault = fault or error
    raise fault or not_a_system(subject, "the archive holds neither a disk nor a container image")


def _unpacked(where: Path, work: Path) -> Path:
    """The file itself, or an unpacked copy if it is compressed."""
    with where.open("rb") as stream:
        packing = packing_of(stream.read(8))
        if packing is None:
            return where
        stream.seek(0)
        plain = work / "plain"
        try:
            with unpacking(stream, packing, room_in(work)) as source, plain.open("wb") as out:
                _copy_sparse(source.read, out)
        except (*DAMAGED, TooLarge) as error:
            raise not_a_system(where, f"it can't be unpacked ({error})") from error
    return plain


def _copy_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, out: Path, subject: Path
) -> None:
    """A member as a file of its own; holes that the archive knows stay holes."""
    source = archive.extractfile(member)
    if source is None:
        raise not_a_system(subject, f"{member.name} in it is no file")
    sparse: list[tuple[int, int]] | None = getattr(member, "sparse", None)
    pieces = sparse or [(0, member.size)]
    require_room(subject, sum(size for _, size in pieces), out.parent)
    with source, out.open("wb") as stream:
        for offset, size in pieces:
            source.seek(offset)
            stream.seek(offset)
            _copy_sparse(_up_to(source, size), stream)
        stream.truncate(member.size)


def _up_to(source: IO[bytes], size: int) -> Callable[[int], bytes]:
    """Reads that end after ``size`` bytes."""
    left = size

    def read(count: int) -> bytes:
        nonlocal left
        data = source.read(min(count, left))
        left -= len(data)
        return data

    return read


def _copy_sparse(read: Callable[[int], bytes], out: IO[bytes]) -> None:
    """A disk is mostly holes, and stays so."""
    while chunk := read(_PIECE_BYTES):
        if chunk.count(0) == len(chunk):
            out.seek(len(chunk), os.SEEK_CUR)
        else:
            out.write(chunk)
    out.truncate(max(out.tell(), out.seek(0, os.SEEK_END)))
