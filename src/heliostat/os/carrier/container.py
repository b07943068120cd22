"""The files of a container image: layers of tar, one over the other.

Later layers replace what is in earlier ones; ``.wh.<name>`` takes a file away
(OCI image specification, "Image Layer Filesystem Changeset").  Names lead nowhere but
below the root, links on the way included, and what is written has a bound.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from heliostat.os.carrier.layout import layers
from heliostat.os.carrier.refusal import DEEPEST, not_a_system, room_in
from heliostat.os.compressed import DAMAGED, TooLarge, packing_of, unpacking
from heliostat.os.harden.capabilities import told as told_capability
from heliostat.os.tar_header import Header

_MOST_STEPS = 10_000
_MOST_ENTRIES = 2_000_000
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_CAPABILITY = "SCHILY.xattr.security.capability"


@dataclass(slots=True)
class _Unpacking:
    """Where an image is unpacked to; what was found out, and how much may still come."""

    root: Path
    wanted: Callable[[str], bool]
    left_bytes: int
    left_entries: int = _MOST_ENTRIES
    missing: set[str] = field(default_factory=set)
    """What hard links lead to in vain."""
    capabilities: dict[Path, str] = field(default_factory=dict)

    def spend(self, member: tarfile.TarInfo) -> None:
        """A sparse member may claim far more than the archive holds."""
        self.left_entries -= 1
        self.left_bytes -= member.size if member.isreg() else 0
        if self.left_bytes < 0 or self.left_entries < 0:
            raise TooLarge("it unpacks to more than there is room for")


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """The image at ``path``: an archive as Docker saves it, an OCI layout in a folder or
    an archive, or with ``whole`` one archive of a root tree."""

    path: Path
    subject: Path
    whole: bool = False

    def take(self, names: Collection[str], root: Path) -> None:
        """Put those of the files ``names`` (``usr/bin/ls``) that are there below ``root``."""
        wanted = set(names)
        while more := self._unpack(root, wanted.__contains__).missing - wanted:
            wanted |= more

    def take_all(self, root: Path) -> dict[str, str]:
        """Everything; owners if the caller may give them.  Returns file capabilities by path."""
        done = self._unpack(root, _everything)
        return {
            f"/{path.relative_to(root)}": capability
            for path, capability in sorted(done.capabilities.items())
            if path.is_file() and not path.is_symlink()
        }

    def _unpack(self, root: Path, wanted: Callable[[str], bool]) -> _Unpacking:
        """``NotASystem`` if the image is damaged."""
        root.mkdir(parents=True, exist_ok=True)
        work = _Unpacking(root, wanted, room_in(root))
        try:
            with layers(self.path, whole=self.whole) as (blobs, names):
                for name in names:
                    with blobs.open(name) as stream, _layer(stream, work.left_bytes) as layer:
                        _apply(layer, work)
        except (*DAMAGED, LookupError, TypeError, ValueError, tarfile.TarError) as error:
            why = f"it is no container image that can be read ({error})"
            raise not_a_system(self.subject, why) from error
        return work


def _everything(name: str) -> bool:
    del name
    return True


def _layer(stream: IO[bytes], most_bytes: int) -> tarfile.TarFile:
    """A layer, whatever it is compressed with."""
    packing = packing_of(stream.read(8))
    stream.seek(0)
    plain = stream if packing is None else unpacking(stream, packing, most_bytes)
    return tarfile.open(fileobj=plain, mode="r|", tarinfo=Header)


def _apply(layer: tarfile.TarFile, work: _Unpacking) -> None:
    """Change the root as the layer says."""
    root = work.root
    for member in layer:
        path = _plain(member.name)
        folder, _, name = path.rpartition("/")
        if name.removeprefix(_WHITEOUT) in ("", ".", ".."):
            continue  # the root itself, or no name of a file
        if name == _OPAQUE:
            _remove(_inside(root, folder), but_itself=True)
        elif name.startswith(_WHITEOUT):
            _remove(_inside(root, folder) / name.removeprefix(_WHITEOUT))
        elif work.wanted(path):
            work.spend(member)
            if member.islnk() and not os.path.lexists(_linked(member, root)):
                work.missing.add(_plain(member.linkname))
            else:
                _put(layer, member, _inside(root, folder) / name, work)


def _put(layer: tarfile.TarFile, member: tarfile.TarInfo, target: Path, work: _Unpacking) -> None:
    """Files, folders and links; devices have nothing to look at."""
    if len(target.parts) - len(work.root.parts) > DEEPEST:
        raise ValueError(f"its folders are more than {DEEPEST} deep")
    if member.isdir():
        if target.is_symlink() or not target.is_dir():
            _remove(target)
            target.mkdir(parents=True)
        _own(member, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    linked = _linked(member, work.root)
    if member.islnk() and linked == target:
        return
    _remove(target)
    work.capabilities.pop(target, None)
    if member.issym():
        target.symlink_to(member.linkname)
        _own(member, target)
    elif member.islnk():
        os.link(linked, target, follow_symlinks=False)
        if linked in work.capabilities:
            work.capabilities[target] = work.capabilities[linked]
    elif member.isreg():
        _write(layer, member, target)
        if (value := member.pax_headers.get(_CAPABILITY)) is not None:
            work.capabilities[target] = told_capability(value.encode("utf-8", "surrogateescape"))


def _write(layer: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = layer.extractfile(member)
    if source is None:
        raise ValueError(f"{member.name} is no file")
    with source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    _own(member, target)


def _own(member: tarfile.TarInfo, target: Path) -> None:
    """Owner and mode; only root may give files away, others must stay able to read them."""
    if os.geteuid() == 0:
        os.chown(target, member.uid, member.gid, follow_symlinks=False)
        mode = member.mode & 0o7777
    else:
        mode = member.mode & 0o777 | (0o700 if member.isdir() else 0o600)
    if not member.issym():
        os.chmod(target, mode)


def _linked(member: tarfile.TarInfo, root: Path) -> Path:
    """The file that a hard link is another name of."""
    folder, _, name = _plain(member.linkname).rpartition("/")
    return _inside(root, folder) / name


def _plain(name: str) -> str:
    return name.removeprefix("./").strip("/")


def _inside(root: Path, folder: str) -> Path:
    """``folder`` below ``root``, links on the way followed as if ``root`` were the root."""
    at = root
    parts = [part for part in reversed(folder.split("/")) if part]
    for _ in range(_MOST_STEPS):
        if not parts:
            return at
        part = parts.pop()
        if part in (".", ".."):
            at = at.parent if part == ".." and at != root else at
        elif (at / part).is_symlink():
            target = str((at / part).readlink())
            at = root if target.startswith("/") else at
            parts += [each for each in reversed(target.split("/")) if each]
        else:
            at = at / part
    raise ValueError(f"{folder} leads in circles")


def _remove(path: Path, *, but_itself: bool = False) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        if but_itself:
            path.mkdir()
    else:
        path.unlink(missing_ok=True)
