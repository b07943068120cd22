"""The files of a container image: an archive as Docker saves it, with layers of tar.

Later layers replace what is in earlier ones; ``.wh.<name>`` takes a file away
(OCI image specification, "Image Layer Filesystem Changeset").
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from heliostat.core.errors import HeliostatError

INDEX = "manifest.json"
_MOST_STEPS = 10_000
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """The archive at ``path``."""

    path: Path

    def take(self, names: Collection[str], root: Path) -> None:
        """Put those of the files ``names`` (``usr/bin/ls``) that are there below ``root``."""
        wanted = set(names)
        while more := self._unpack(root, wanted.__contains__) - wanted:
            wanted |= more

    def take_all(self, root: Path) -> None:
        self._unpack(root, _everything)

    def _unpack(self, root: Path, wanted: Callable[[str], bool]) -> set[str]:
        """Unpack what is wanted; files that hard links among it lead to and that weren't.

        ``DatabaseMissing`` if the archive is damaged.
        """
        root.mkdir(parents=True, exist_ok=True)
        missing: set[str] = set()
        try:
            with tarfile.open(self.path) as archive:
                index = json.loads(_member(archive, INDEX).read())
                for name in index[0]["Layers"]:
                    with _layer(_member(archive, name)) as layer:
                        missing |= set(_apply(layer, root, wanted))
        except (LookupError, ValueError, OSError, tarfile.TarError, zstandard.ZstdError) as error:
            raise HeliostatError(
                "DatabaseMissing",
                f"{self.path} is no container image that can be read: {error}.",
            ) from error
        return missing


def _everything(name: str) -> bool:
    del name
    return True


def _member(archive: tarfile.TarFile, name: str | tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(name)
    if stream is None:
        raise ValueError(f"{name} is no file")
    return stream


def _layer(stream: IO[bytes]) -> tarfile.TarFile:
    """A layer, whatever it is compressed with."""
    magic = stream.read(4)
    stream.seek(0)
    if magic == _ZSTD:
        plain = zstandard.ZstdDecompressor().stream_reader(stream)
        return tarfile.open(fileobj=plain, mode="r|")
    return tarfile.open(fileobj=stream, mode="r|*")


def _apply(layer: tarfile.TarFile, root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Change ``root`` as the layer says; yields what its hard links lead to in vain."""
    for member in layer:
        path = _plain(member.name)
        folder, _, name = path.rpartition("/")
        if name.removeprefix(_WHITEOUT) in ("", ".", ".."):
            continue  # the root itself, or no name of a file
        if name == _OPAQUE:
            _remove(_inside(root, folder), but_itself=True)
        elif name.startswith(_WHITEOUT):
            _remove(_inside(root, folder) / name.removeprefix(_WHITEOUT))
        elif wanted(path):
            if member.islnk() and not os.path.lexists(_linked(member, root)):
                yield _plain(member.linkname)
            else:
                _put(layer, member, _inside(root, folder) / name, root)


def _put(layer: tarfile.TarFile, member: tarfile.TarInfo, target: Path, root: Path) -> None:
    """Files, folders and links, as the caller's own; devices have nothing to compare."""
    if member.isdir():
        if target.is_symlink() or not target.is_dir():
            _remove(target)
            target.mkdir(parents=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove(target)
    if member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        os.link(_linked(member, root), target, follow_symlinks=False)
    elif member.isreg():
        with _member(layer, member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)


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
