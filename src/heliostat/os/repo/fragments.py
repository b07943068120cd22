"""Fragments of metadata kept by package digest, so that publishing reads no package twice.

The store is a cache: a missing, torn or foreign entry is made again from the package,
so nothing is forced to the disk.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

from heliostat.os.repo.admission import record_of_file
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.metadata import Fragments, fragments_of
from heliostat.os.repo.record import PackageRecord

_FORMAT = 1  # one more whenever the XML of the same record changes


class Kept(msgspec.Struct, frozen=True):
    """What is kept of one package."""

    location: str
    build_time: int
    fragments: Fragments


class FragmentStore:
    """Fragments below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"fragments-{_FORMAT}"

    def put(self, record: PackageRecord) -> Kept:
        """Keep what a record becomes."""
        kept = Kept(record.location, record.build_time, fragments_of(record))
        path = self._path(record.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.msgpack.encode(kept))
        os.replace(name, path)
        return kept

    def get(self, package: LockedPackage, path: Path) -> Kept:
        """The fragments of ``package``, from its file at ``path`` if they aren't kept."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            kept = msgspec.msgpack.decode(self._path(package.digest).read_bytes(), type=Kept)
            if kept.location == package.location:
                return kept
        record = record_of_file(path, digest=package.digest)
        return self.put(msgspec.structs.replace(record, location=package.location))

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest
