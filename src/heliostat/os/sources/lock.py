"""A fixed point of an archive: the digests of its indexes, and the indexes kept.

A lock is small enough to commit.  Opening a suite by a lock takes the indexes from the
cache and verifies them; packages are verified by the indexes, and fetched from the mirror
(or from the ``snapshot`` of it) if they aren't kept either.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.entry import parse
from heliostat.os.sources.suite import Index, Suite, index_text

_LEVEL = 9


class Lock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which indexes a suite was made of."""

    architecture: str
    indexes: tuple[Index, ...]


def keep(suite: Suite, cache: Path) -> Lock:
    """Keep the indexes of ``suite`` in the cache, and name them."""
    for index in suite.indexes:
        path = _kept(index, cache)
        if not path.is_file():
            text = index_text(suite.archive, index, cache).encode()
            atomic_write(path, zstandard.ZstdCompressor(level=_LEVEL).compress(text))
    return Lock(architecture=suite.archive.architecture, indexes=suite.indexes)


def write_lock(lock: Lock, path: Path) -> None:
    """The lock as JSON, one index a line."""
    atomic_write(path, msgspec.json.format(msgspec.json.encode(lock), indent=1) + b"\n")


def read_lock(path: Path) -> Lock:
    """Raises ``InvalidSetting``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Lock)
    except (OSError, msgspec.MsgspecError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} is no lock of an archive: {error}.",
            hint="`helio os source lock FILE` writes one.",
        ) from error


def open_locked(lock: Lock, archive: Archive, cache: Path) -> Suite:
    """The suite as it was when ``lock`` was written; ``ArchiveUnreachable`` if it is gone."""
    entries = tuple(
        entry
        for index in lock.indexes
        for entry in parse(_verified(index, cache), index.uri, index.suite)
    )
    return Suite(archive, lock.indexes, entries)


def _verified(index: Index, cache: Path) -> str:
    path = _kept(index, cache)
    try:
        raw = zstandard.ZstdDecompressor().decompress(
            path.read_bytes(), max_output_size=index.size_bytes
        )
    except (OSError, zstandard.ZstdError) as error:
        raise HeliostatError(
            "ArchiveUnreachable",
            f"The index of {index.suite} with the digest {index.sha256[:16]}… is not kept here.",
            hint="Copy it from where the lock was written, or write a lock of today: "
            "`helio os source lock FILE`.",
        ) from error
    if hashlib.sha256(raw).hexdigest() != index.sha256:
        raise HeliostatError(
            "DigestMismatch",
            f"The kept index of {index.suite} was changed: its digest isn't {index.sha256[:16]}….",
            hint=f"Remove {path}.",
        )
    return raw.decode()


def _kept(index: Index, cache: Path) -> Path:
    return cache / "indexes" / f"{index.sha256}.zst"
