"""Which layers a container image has, lowest first, and where their bytes are.

Docker's archives list them in ``manifest.json``; an OCI image layout, a folder or an
archive, leads to them from ``index.json`` over digests.  A tar archive of a root tree
(``docker export``) is one layer itself.
Formats: Docker image specification 1.2; OCI image specification 1.0, "Image Layout".
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from heliostat.os.tar_header import Header

DOCKER_INDEX, OCI_INDEX, OCI_MARK = "manifest.json", "index.json", "oci-layout"
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_DOCUMENT_BYTES = 16 << 20
_DEEPEST = 5  # indexes within indexes
_PLATFORM = {"os": "linux", "architecture": "amd64"}


class Blobs(Protocol):
    """Files by name."""

    def open(self, name: str) -> IO[bytes]:
        """``LookupError`` or ``OSError`` if it isn't there."""


@dataclass(frozen=True, slots=True)
class FolderBlobs:
    folder: Path

    def open(self, name: str) -> IO[bytes]:
        return (self.folder / name).open("rb")


@dataclass(frozen=True, slots=True)
class ArchiveBlobs:
    archive: tarfile.TarFile

    def open(self, name: str) -> IO[bytes]:
        for spelt in (name, f"./{name}"):
            try:
                stream = self.archive.extractfile(spelt)
            except KeyError:
                continue
            if stream is not None:
                return stream
        raise LookupError(f"{name} is missing in it")


@dataclass(frozen=True, slots=True)
class Whole:
    """One archive that is the only layer, whatever the name that is asked for."""

    path: Path

    def open(self, name: str) -> IO[bytes]:
        del name
        return self.path.open("rb")


def is_layout(folder: Path) -> bool:
    """Whether the folder is an OCI image layout."""
    return (folder / OCI_MARK).is_file() and (folder / OCI_INDEX).is_file()


@contextmanager
def layers(where: Path, *, whole: bool = False) -> Iterator[tuple[Blobs, list[str]]]:
    """The blobs of an image and the names of its layers among them.

    Raises ``LookupError``, ``ValueError``, ``OSError`` or ``TarError`` for what is damaged.
    """
    if where.is_dir():
        folder = FolderBlobs(where)
        yield folder, _oci(folder)
    elif whole:
        yield Whole(where), [""]
    else:
        with tarfile.open(where, "r:", tarinfo=Header) as archive:
            blobs = ArchiveBlobs(archive)
            yield blobs, _listed(blobs)


def _listed(blobs: Blobs) -> list[str]:
    try:
        index = _document(blobs, DOCKER_INDEX)
    except LookupError:
        return _oci(blobs)
    return [_text(name) for name in index[0]["Layers"]]


def _oci(blobs: Blobs) -> list[str]:
    """Down from the index, of several platforms ours if it is there, to the manifest."""
    document = _document(blobs, OCI_INDEX)
    for _ in range(_DEEPEST):
        if "layers" in document:
            return [_blob(each["digest"]) for each in document["layers"]]
        choices = list(document["manifests"])
        ours = [each for each in choices if _is_ours(each.get("platform") or {})]
        document = _document(blobs, _blob((ours or choices)[0]["digest"]))
    raise ValueError("its indexes lead nowhere")


def _is_ours(platform: dict[str, Any]) -> bool:
    return all(platform.get(key) == value for key, value in _PLATFORM.items())


def _blob(digest: object) -> str:
    """The name under which a blob lies; a digest is no path."""
    match = _DIGEST.fullmatch(_text(digest))
    if match is None:
        raise ValueError(f"{digest!r:.100} is no digest")
    return f"blobs/{match[1]}/{match[2]}"


def _document(blobs: Blobs, name: str) -> Any:
    with blobs.open(name) as stream:
        content = stream.read(_DOCUMENT_BYTES + 1)
    if len(content) > _DOCUMENT_BYTES:
        raise ValueError(f"{name} is far too long")
    return json.loads(content)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.100} is no name")
    return value
