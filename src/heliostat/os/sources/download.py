"""Packages of an archive, in the cache under their digests.

Invariant: what lies in ``debs/`` under its final name was complete and had the digest
that the signed index names; its size tells whether it reached the disk before a power
cut.  What was begun lies in ``debs/partial`` and is resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.sources.apt import Apt
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.entry import Entry
from heliostat.os.turn import turn

STREAMS = 3
"""Connections at once: one fills a slow one, a mirror's patience ends at many."""


def deb_path(entry: Entry, cache: Path) -> Path:
    """Where the package lies once it was fetched."""
    return cache / "debs" / f"{entry.sha256[:32]}-{entry.file_name.replace('%3a', ':')}"


def fetch(
    archive: Archive,
    entries: Sequence[Entry],
    cache: Path,
    *,
    monitor: Monitor | None = None,
) -> dict[str, Path]:
    """Path of each package, by its SHA-256; only what is missing is downloaded."""
    watcher = monitor or SilentMonitor()
    paths = {entry.sha256: deb_path(entry, cache) for entry in entries}
    if all(_is_whole(paths[entry.sha256], entry) for entry in entries):
        return paths
    with turn(cache / "debs" / "lock", "downloading packages", watcher):
        unique = {entry.sha256: entry for entry in entries}
        missing = [each for digest, each in unique.items() if not _is_whole(paths[digest], each)]
        if missing:
            with watcher.step("Downloading packages"):
                watcher.progress(_told(missing))
                _download(archive, missing, cache)
    return paths


def _download(archive: Archive, missing: Sequence[Entry], cache: Path) -> None:
    partial = cache / "debs" / "partial"
    partial.mkdir(parents=True, exist_ok=True)
    shares = _shares(missing, STREAMS)
    with ThreadPoolExecutor(STREAMS) as pool:
        jobs = [
            pool.submit(_download_share, archive, share, cache, f"stream-{number}")
            for number, share in enumerate(shares)
        ]
    for job in jobs:
        job.result()


def _download_share(archive: Archive, share: Sequence[Entry], cache: Path, name: str) -> None:
    """One apt on its part; whatever it completed is kept even if another file failed."""
    apt = Apt(cache.resolve() / "archives" / archive.identity / name, archive)
    partial = cache.resolve() / "debs" / "partial"
    files = [(entry.url, partial / entry.sha256, entry.sha256) for entry in share]
    try:
        apt.download(files)
    finally:
        for entry in share:
            _keep_whole(entry, partial / entry.sha256, deb_path(entry, cache))


def _is_whole(path: Path, entry: Entry) -> bool:
    return path.is_file() and path.stat().st_size == entry.size_bytes


def _keep_whole(entry: Entry, begun: Path, final: Path) -> None:
    """Give a complete download its final name; a half one waits to be resumed."""
    if not begun.is_file() or begun.stat().st_size < entry.size_bytes:
        return
    with begun.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != entry.sha256:
        begun.unlink()
        raise HeliostatError(
            "DigestMismatch",
            f"{entry.url} has the digest {found[:16]}…, not {entry.sha256[:16]}… "
            "as the signed index says.",
            hint="Run `helio os source update` and try again, else use another mirror.",
        )
    begun.chmod(0o644)
    begun.rename(final)


def _shares(entries: Sequence[Entry], count: int) -> list[list[Entry]]:
    """Parts of about the same size in bytes: each goes to the smallest so far."""
    shares: list[list[Entry]] = [[] for _ in range(min(count, len(entries)))]
    sizes = [0] * len(shares)
    for entry in sorted(entries, key=lambda entry: -entry.size_bytes):
        smallest = sizes.index(min(sizes))
        shares[smallest].append(entry)
        sizes[smallest] += entry.size_bytes
    return shares


def _told(entries: Sequence[Entry]) -> str:
    size = sum(entry.size_bytes for entry in entries) / 2**20
    return f"{counted(len(entries), 'package')}, {size:.1f} MiB"
