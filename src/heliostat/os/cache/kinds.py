"""The folders of the cache: what is in each, and how it is kept from growing.

What takes little time to make again for the room that it takes is bounded: it goes when it
was least recently used.  Signed copies go when no repository shares them and they are old.
Downloads stay, because an archive may not have them tomorrow; so do the builds whose packages
are kept, which may have taken hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from heliostat.os.cache.item import Item
from heliostat.os.cache.size import Sizes
from heliostat.os.image.record import RECORD
from heliostat.os.image.store import StageStore


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
        yield from _item("stages", name, path, path / RECORD, lock, sizes)


def _roots(cache: Path, sizes: Sizes) -> Iterator[Item]:
    for record in sorted((cache / "roots").glob("*.json")):
        path = record.with_suffix("")
        name = f"build root {path.name[:8]}"
        yield from _item("roots", name, path, record, record.with_suffix(".lock"), sizes)


def _builds(cache: Path, sizes: Sizes) -> Iterator[Item]:
    """Those that other builds of the same name took the place of, and objects of long ones."""
    kept = {identity[:16] for identity in _packed(cache / "rebuilt")}
    for record in sorted((cache / "builds").glob("*/provenance.json")):
        path = record.parent
        if path.name[-16:] not in kept:
            lock = path.with_name(f"{path.name}.lock")
            yield from _item("builds", f"build {path.name}", path, record, lock, sizes)
    # without this file, its build unpacks the source again and begins anew
    for record in sorted((cache / "builds" / "kept").glob("*/unpacked-*")):
        path = record.parent
        lock = path.with_name(f"{path.name}.lock")
        yield from _item("builds", f"objects of {path.name}", path, record, lock, sizes)


class _Packed(msgspec.Struct):
    """What is asked of a result of ``packages.build``."""

    identity: str


def _packed(rebuilt: Path) -> Iterator[str]:
    """Identities of the builds whose packages are kept."""
    for path in rebuilt.glob("*/result.json"):
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            yield msgspec.json.decode(path.read_bytes(), type=_Packed).identity


def _converted(cache: Path, sizes: Sizes) -> Iterator[Item]:
    for record in sorted((cache / "converted").glob("*/*/record.json")):
        path = record.parent
        yield from _item("converted", f"conversion {path.name[:8]}", path, record, record, sizes)


def _universes(cache: Path, sizes: Sizes) -> Iterator[Item]:
    for record in sorted((cache / "universe").glob("*/primary.xml")):
        path = record.parent
        name = f"metadata of {path.name.rpartition('-')[0]} {path.name[-24:][:8]}"
        yield from _item("universe", name, path, record, record, sizes)


def _item(
    kind: str, name: str, path: Path, record: Path, lock: Path, sizes: Sizes
) -> Iterator[Item]:
    """The piece; none if it went, or was replaced, while it was looked at."""
    with suppress(FileNotFoundError):
        used = lock if lock.is_file() else record
        yield Item(kind, name, path, record, lock, sizes.of(path), used.stat().st_mtime)


KINDS: tuple[Kind, ...] = (
    Kind("stages", "trees, disks and images, by what they are made from", _stages),
    Kind("roots", "what builds from source run in", _roots),
    Kind("builds", "what was built from source", _builds),
    Kind("rebuilt", "packages of those builds"),
    Kind("converted", "packages of the archive as RPMs", _converted),
    Kind("signed", "signed copies of packages"),
    Kind("own", "packages of our own"),
    Kind("own-client", "the package that makes clients, with a site's key"),
    Kind("debs", "downloaded packages"),
    Kind("source-packages", "downloaded sources"),
    Kind("archives", "verified indexes of archives"),
    Kind("indexes", "indexes that locks name"),
    Kind("universe", "metadata of whole suites", _universes),
    Kind("rpms", "packages of mirrored repositories"),
    Kind("rpmmd", "indexes of mirrored repositories"),
)


def bounded_items(cache: Path, sizes: Sizes) -> list[Item]:
    """All pieces of the kinds that are bounded."""
    return [item for kind in KINDS if kind.items for item in kind.items(cache, sizes)]
