"""A fixed point of an archive: the digests of its indexes, and the indexes kept.

A lock is small enough to commit.  Opening a suite by a lock takes the indexes from the
cache, or, where another machine wrote the lock, from the archive if that is still (or by
its ``snapshot``) at that point.  Either way the lock's digests verify them.  Packages are
verified by the indexes, and fetched from the archive if they aren't kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.monitor import Monitor
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.entry import parse
from heliostat.os.sources.suite import Index, Suite, index_text, open_suite

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


def open_locked(
    lock: Lock, archive: Archive, cache: Path, *, monitor: Monitor | None = None
) -> Suite:
    """The suite as it was when ``lock`` was written; ``ArchiveUnreachable`` if it is gone."""
    indexes = tuple(_reached(index, archive) for index in lock.indexes)
    if not all(_kept(index, cache).is_file() for index in indexes):
        # kept under their digests, so that those of another time do no harm
        keep(open_suite(archive, cache, max_age_s=0, monitor=monitor), cache)
    entries = tuple(
        entry
        for index in indexes
        for entry in parse(_verified(index, cache), index.uri, index.suite)
    )
    return Suite(archive, indexes, entries)


def _reached(index: Index, archive: Archive) -> Index:
    """The index with where ``archive`` has its suite now: other mirror, or a snapshot."""
    uris = [source.uri for source in archive.sources if source.suite == index.suite]
    return msgspec.structs.replace(index, uri=uris[0]) if uris else index


def _verified(index: Index, cache: Path) -> str:
    path = _kept(index, cache)
    try:
        raw = zstandard.ZstdDecompressor().decompress(
            path.read_bytes(), max_output_size=index.size_bytes
        )
    except (OSError, zstandard.ZstdError) as error:
        raise HeliostatError(
            "ArchiveUnreachable",
            f"The index of {index.suite} with the digest {index.sha256[:16]}… is not kept here, "
            "and the archive has another one now.",
            hint=f"Copy {path} from where the lock was written, import with --snapshot, or write "
            "a lock of today: `helio os source lock FILE`.",
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
