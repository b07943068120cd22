"""Which images shall lie in which datastores, and who fetches what next (pure).

EAGER images belong in every datastore that guests of tenants can lie in, ON_DEMAND
images in the image datastores only: a host fetches them elsewhere when a VM needs
them.  A shared datastore gets each image by one of its hosts.  A copy is asked of a
host that is connected, and of no more than so many at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.model.image import Image, ImageState, Replication

_LASTING = frozenset({HostState.READY, HostState.SUSPENDED, HostState.MAINTENANCE})
_COMING = frozenset({ImageState.CREATING, ImageState.READY})  # being replicated, or replicated


class Copy(NamedTuple):
    """An image's content in a datastore."""

    digest: str
    datastore_id: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A datastore as one host has it; ``held`` are the digests that lie in it."""

    host_id: str
    datastore_id: str
    active: bool
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """A copy that a host is asked for; ``settled`` when it has it or gave up (``failed``)."""

    host_id: str
    copy: Copy
    settled: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Moves:
    """What to ask of which host, what to ask no more, and how many copies have to wait."""

    ask: tuple[tuple[str, Copy], ...] = ()
    withdraw: tuple[Asked, ...] = ()
    waiting: int = 0
    kept: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether no copy is asked for at all, so that nothing can be withdrawn either."""
        return not self.ask and not self.waiting and not self.kept


class Progress(NamedTuple):
    """Copies that are there, of all that there shall be."""

    there: int
    total: int

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 means all; nothing to do is done."""
        return 100 * self.there // self.total if self.total else 100


def takes_images(host: Host) -> bool:
    """Whether guests of tenants may come to the host, now or after its maintenance."""
    return host.state in _LASTING and UsageTag.CLOUD in host.usage_tags


def wanted(
    images: Iterable[Image], spots: Iterable[Spot], image_datastores: Collection[str]
) -> dict[Copy, int]:
    """Every copy that shall be there, with the image's size in bytes."""
    reachable = {spot.datastore_id for spot in spots}
    found: dict[Copy, int] = {}
    for image in images:
        if not image.digest or image.state not in _COMING:
            continue
        eager = image.replication is Replication.EAGER
        for datastore_id in reachable if eager else reachable & set(image_datastores):
            found[Copy(image.digest, datastore_id)] = image.blob_size_bytes
    return found


def moves(
    wanted: Collection[Copy], spots: Iterable[Spot], asked: Iterable[Asked], limit: int
) -> Moves:
    """What to do next; deciding again after having done it asks for nothing new.

    A host that was asked is kept while it is connected, while no other host could do
    it, and once the copy is there.
    """
    places: dict[str, list[Spot]] = {}
    for spot in spots:
        places.setdefault(spot.datastore_id, []).append(spot)
    kept: dict[Copy, Asked] = {}
    withdraw: list[Asked] = []
    for each in sorted(asked, key=lambda one: (one.copy, one.host_id)):
        if each.copy in wanted and each.copy not in kept and _may_stay(each, places):
            kept[each.copy] = each
        else:
            withdraw.append(each)
    active = {spot.host_id for here in places.values() for spot in here if spot.active}
    busy = Counter(each.host_id for each in kept.values() if not each.settled)
    free = limit - sum(count for host_id, count in busy.items() if host_id in active)
    ask: list[tuple[str, Copy]] = []
    waiting = 0
    for copy in sorted(set(wanted) - kept.keys()):
        able = [spot.host_id for spot in places[copy.datastore_id] if spot.active]
        if not able or len(ask) >= free:
            waiting += 1
            continue
        host_id = min(able, key=lambda each: (busy[each], each))
        busy[host_id] += 1
        ask.append((host_id, copy))
    return Moves(tuple(ask), tuple(withdraw), waiting, len(kept))


def _may_stay(asked: Asked, places: Mapping[str, list[Spot]]) -> bool:
    here = places.get(asked.copy.datastore_id, [])
    own = next((spot for spot in here if spot.host_id == asked.host_id), None)
    if own is None:
        return False
    there = any(asked.copy.digest in spot.held for spot in here)
    return own.active or there or not any(spot.active for spot in here)


def seeding(image: Image, spots: Iterable[Spot], image_datastores: Collection[str]) -> Progress:
    """How many image datastores hold the image."""
    return _progress(image, [each for each in spots if each.datastore_id in image_datastores])


def replication(image: Image, spots: Iterable[Spot]) -> Progress:
    """How many of all datastores hold the image, whether they shall or not."""
    return _progress(image, list(spots))


def _progress(image: Image, spots: list[Spot]) -> Progress:
    there = {spot.datastore_id for spot in spots if image.digest in spot.held}
    return Progress(len(there), len({spot.datastore_id for spot in spots}))
