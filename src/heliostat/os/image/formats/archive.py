"""Tar archives that are the same wherever they are made: names in order, no owners of the host."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_CARRIED = ("security.capability", "user.")


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes, epoch: int) -> None:
    """A file of that content."""
    entry = _entry(name, epoch)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def add_file(archive: tarfile.TarFile, name: str, path: Path, epoch: int) -> None:
    """The content of ``path`` under that name."""
    entry = _entry(name, epoch)
    entry.size = path.stat().st_size
    with path.open("rb") as stream:
        archive.addfile(entry, stream)


def add_tree(archive: tarfile.TarFile, root: Path, epoch: int, without: Iterable[str] = ()) -> None:
    """All below ``root`` with owners, modes and attributes, but the paths ``without``."""
    left_out = {path.strip("/") for path in without}
    links: dict[tuple[int, int], str] = {}
    for name in _names(root, "", left_out):
        path = root / name
        entry = archive.gettarinfo(str(path), arcname=name)
        if entry is None:
            continue  # a socket
        entry.uname = entry.gname = ""
        entry.mtime = min(int(entry.mtime), epoch)
        entry.pax_headers = _attributes(path)
        status = os.lstat(path)
        if entry.islnk() or (entry.isreg() and status.st_nlink > 1):
            _settle_link(entry, links.setdefault((status.st_dev, status.st_ino), name), status)
        if entry.isreg():
            with path.open("rb") as stream:
                archive.addfile(entry, stream)
        else:
            archive.addfile(entry)


def _names(root: Path, inside: str, left_out: set[str]) -> Iterator[str]:
    """Paths below ``root``, folders before what is in them, in the order of names."""
    for name in sorted(os.listdir(root / inside)):
        path = f"{inside}/{name}" if inside else name
        if path in left_out:
            continue
        yield path
        if (root / path).is_dir() and not (root / path).is_symlink():
            yield from _names(root, path, left_out)


def _settle_link(entry: tarfile.TarInfo, first: str, status: os.stat_result) -> None:
    """Whether this is a link is our business: a first name may have been left out."""
    if first == entry.name:
        entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", status.st_size
    else:
        entry.type, entry.linkname, entry.size = tarfile.LNKTYPE, first, 0


def _attributes(path: Path) -> dict[str, str]:
    """Extended attributes as GNU tar, Docker and libarchive keep them."""
    return {
        f"SCHILY.xattr.{name}": os.getxattr(path, name, follow_symlinks=False).decode(
            "utf-8", "surrogateescape"
        )
        for name in sorted(os.listxattr(path, follow_symlinks=False))
        if name.startswith(_CARRIED)
    }


def _entry(name: str, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.mode = epoch, 0o644
    return entry
