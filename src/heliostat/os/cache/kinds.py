"""The folders of the cache: what is in each, and how it is kept from growing.

Only trees, disks and images (``stages``) and what builds from source run in (``roots``) are
large enough to be bounded: they go when they were least recently used.  Packages are kept
as long as repositories need them, downloads and results of builds until somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.os.cache.item import Item
from heliostat.os.cache.size import Sizes
from heliostat.os.image.store import RECORD, StageStore


@dataclass(frozen=True, slots=True)
class Kind:
    """A folder of the cache."""

    name: str
    summary: str
    items: Callable[[Path, Sizes], Iterator[Item]] | None = None
    """The pieces that may go by themselves."""


def _stages(cache: Path, sizes: Sizes) -> Iterator[Item]:
    store = StageStore(cache / "stages")
    for record in store.records():
        path = store.folder / record.identity
        lock = store.lock_path(record.identity)
        name = f"{record.name} {record.identity[:8]}"
        yield _item("stages", name, path, path / RECORD, lock, sizes)


def _roots(cache: Path, sizes: Sizes) -> Iterator[Item]:
    for record in sorted((cache / "roots").glob("*.json")):
        path = record.with_suffix("")
        name = f"build root {path.name[:8]}"
        yield _item("roots", name, path, record, record.with_suffix(".lock"), sizes)


def _item(kind: str, name: str, path: Path, record: Path, lock: Path, sizes: Sizes) -> Item:
    used = lock if lock.is_file() else record
    return Item(kind, name, path, record, lock, sizes.of(path), used.stat().st_mtime)


KINDS: tuple[Kind, ...] = (
    Kind("stages", "trees, disks and images, by what they are made from", _stages),
    Kind("roots", "what builds from source run in", _roots),
    Kind("builds", "what was built from source"),
    Kind("rebuilt", "packages of those builds"),
    Kind("converted", "packages of the archive as RPMs"),
    Kind("signed", "signed copies of packages"),
    Kind("own", "packages of our own"),
    Kind("debs", "downloaded packages"),
    Kind("source-packages", "downloaded sources"),
    Kind("archives", "verified indexes of archives"),
    Kind("universe", "metadata of whole suites"),
)


def bounded_items(cache: Path, sizes: Sizes) -> list[Item]:
    """All pieces of the kinds that are bounded."""
    return [item for kind in KINDS if kind.items for item in kind.items(cache, sizes)]
