"""A release of an archive as it is now: the verified index, parsed once.

apt's lists are the truth; beside them lie the parsed entries, named by the digests of
the indexes they were parsed from, so that they can't be out of date.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.sources.apt import Apt
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.entry import Entry, newest, parse
from heliostat.os.turn import turn

DAY_S = 86_400.0
PARSER = 2
"""Counts up whenever ``Entry`` or what is parsed into it changes."""


class Index(msgspec.Struct, frozen=True, order=True):
    """One ``Packages`` file, as the signed file of its suite names it."""

    uri: str
    suite: str
    component: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Suite:
    """All packages of a release, from all of its parts."""

    archive: Archive
    indexes: tuple[Index, ...]
    entries: tuple[Entry, ...]

    def packages(self) -> tuple[Entry, ...]:
        """Every entry of every index: a name may occur more than once."""
        return self.entries

    @cached_property
    def newest(self) -> dict[str, Entry]:
        """The entry with the highest version of every name."""
        return newest(self.entries)

    def find(self, name: str) -> Entry:
        """The newest of that name; ``PackageNotFound`` with the nearest name otherwise."""
        found = self.newest.get(name)
        if found is None:
            raise _unknown(name, self)
        return found


def open_suite(
    archive: Archive,
    cache: Path,
    *,
    max_age_s: float = DAY_S,
    monitor: Monitor | None = None,
) -> Suite:
    """The release as the archive has it; indexes younger than ``max_age_s`` are not asked for.

    ``cache`` is the folder of caches of the operating system (``.cache/os``).
    """
    watcher = monitor or SilentMonitor()
    folder = cache.resolve() / "archives" / archive.identity
    apt = Apt(folder, archive)
    with turn(folder / "lock", f"reading the index of {archive.suite}", watcher):
        if _age_s(folder) >= max_age_s:
            _update(apt, watcher)
        try:
            return _read(apt, folder)
        except HeliostatError as error:
            if error.code != "DigestMismatch":
                raise
        _update(apt, watcher)  # what a power cut, or somebody, changed here
        return _read(apt, folder)


def _update(apt: Apt, monitor: Monitor) -> None:
    with monitor.step(f"Fetching the index of {apt.archive.suite}"):
        apt.update()
        (apt.folder / "updated").touch()


def _read(apt: Apt, folder: Path) -> Suite:
    indexes = tuple(_indexes(apt))
    return Suite(apt.archive, indexes, _entries(apt, indexes, folder))


def age_s(archive: Archive, cache: Path) -> float | None:
    """How old the index in the cache is; None if there is none."""
    age = _age_s(cache / "archives" / archive.identity)
    return None if age == float("inf") else age


def _age_s(folder: Path) -> float:
    """How long ago the indexes were fetched: for ever, if never."""
    try:
        return time.time() - (folder / "updated").stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _indexes(apt: Apt) -> Iterator[Index]:
    for source in apt.archive.sources:
        release = apt.release_of(source.uri, source.suite).read_text(encoding="utf-8")
        for component in source.components:
            name = f"{component}/binary-{apt.archive.architecture}/Packages"
            match = re.search(rf"^ ([0-9a-f]{{64}})\s+(\d+) {re.escape(name)}$", release, re.M)
            if match is None:
                raise HeliostatError(
                    "ArchiveUnreachable",
                    f"{source.uri} {source.suite} has no component {component} "
                    f"for {apt.archive.architecture}.",
                    hint="Check `components` and `architecture` in distro/archive.yaml.",
                )
            yield Index(source.uri, source.suite, component, match[1], int(match[2]))


def _entries(apt: Apt, indexes: tuple[Index, ...], folder: Path) -> tuple[Entry, ...]:
    kept = folder / f"entries-{PARSER}-{_name_of(indexes)}.msgpack"
    if kept.is_file():
        return msgspec.msgpack.decode(kept.read_bytes(), type=tuple[Entry, ...])
    entries = tuple(
        entry for index in indexes for entry in parse(_text_of(apt, index), index.uri, index.suite)
    )
    for old in folder.glob("entries-*.msgpack"):
        old.unlink(missing_ok=True)
    atomic_write(kept, msgspec.msgpack.encode(entries))
    return entries


def index_text(archive: Archive, index: Index, cache: Path) -> str:
    """The index as it was fetched and verified."""
    return _text_of(Apt(cache.resolve() / "archives" / archive.identity, archive), index)


def _text_of(apt: Apt, index: Index) -> str:
    if index.size_bytes == 0:
        return ""  # apt keeps no file for an empty index
    path = apt.index_of(index.uri, index.suite, index.component)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != index.sha256:
        path.unlink()  # apt fetches what is missing, not what was changed
        raise HeliostatError(
            "DigestMismatch",
            f"The kept index {path.name} wasn't the one that the archive signed any more.",
            hint="It was removed; fetch it anew: `helio os source update`.",
        )
    return content.decode()


def _name_of(indexes: tuple[Index, ...]) -> str:
    """Names a set of indexes by their digests."""
    return hashlib.sha256("".join(index.sha256 for index in indexes).encode()).hexdigest()[:16]


def _unknown(name: str, suite: Suite) -> HeliostatError:
    import difflib

    close = difflib.get_close_matches(name, suite.newest, n=1, cutoff=0.75)
    nearest = f" Did you mean {close[0]}?" if close else ""
    return HeliostatError(
        "PackageNotFound",
        f"{suite.archive.suite} has no package {name}.{nearest}",
        hint=f"`helio os source search {name}` looks for part of a name.",
    )
