"""Copies of images as documents: what hosts are asked for, and bringing that to what shall be.

``align`` is level-triggered: it reads everything, decides (:mod:`model.replication`)
and writes the difference.  Any number of controllers may do it at once, since a copy
is asked for under the guard that nobody asked yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from heliostat.agentlink.messages import DesiredImage, ReportedImage, image_copy
from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Delete,
    Document,
    Guard,
    GuardFailed,
    Put,
)
from heliostat.cloudstore.documents import decode, encode
from heliostat.controller.model.desired import (
    DESIRED,
    IMAGE,
    agent_key,
    desired_key,
    desired_prefix,
    reported_key,
    reported_prefix,
)
from heliostat.controller.model.host import Host, HostInventory
from heliostat.controller.model.image import Image, Replication
from heliostat.controller.model.replication import (
    Asked,
    Copy,
    Moves,
    Spot,
    moves,
    takes_images,
    wanted,
)
from heliostat.controller.workflows.image_datastores import image_datastore_ids
from heliostat.controller.workflows.kinds import HOSTS, IMAGES, INVENTORIES
from heliostat.tasks.follow import snapshot

Commit = Callable[[Sequence[Guard], Sequence[Change]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where images are, where they are asked for, and where they shall be."""

    images: tuple[Image, ...]
    spots: tuple[Spot, ...]
    image_datastores: frozenset[str]
    asked: tuple[Asked, ...]
    documents: dict[tuple[str, Copy], Document]
    reports: dict[tuple[str, Copy], ReportedImage]

    @property
    def wanted(self) -> dict[Copy, int]:
        return wanted(self.images, self.spots, self.image_datastores)


async def read_spots(store: CloudStore) -> tuple[Spot, ...]:
    """Every datastore of every host that takes guests, once a host."""
    hosts = {each.value.id: each.value for each in await HOSTS.all(store)}
    agents, _ = await snapshot(store, agent_key(""))
    active = {each.key.removeprefix(agent_key("")) for each in agents}
    return tuple(
        spot
        for stored in await INVENTORIES.all(store)
        for spot in _spots(hosts.get(stored.value.id), stored.value, stored.value.id in active)
    )


def _spots(host: Host | None, inventory: HostInventory, active: bool) -> list[Spot]:
    if host is None or not takes_images(host):
        return []
    return [
        Spot(host.id, place.datastore_id, active, frozenset(place.images))
        if place.datastore_id
        else Spot(host.id, host.id, active, frozenset(place.images))  # an older agent's only one
        for place in inventory.places
    ]


async def read_layout(store: CloudStore) -> Layout:
    """All of it as it is now."""
    images = tuple(each.value for each in await IMAGES.all(store))
    spots = await read_spots(store)
    documents: dict[tuple[str, Copy], Document] = {}
    reports: dict[tuple[str, Copy], ReportedImage] = {}
    told = {each.key: each for each in await _of_images(store, reported_prefix)}
    asked = []
    for document in await _of_images(store, desired_prefix):
        host_id, _, name = document.key.removeprefix(DESIRED).split("/", 2)
        copy = copy_named(host_id, name)
        documents[host_id, copy] = document
        said = told.get(reported_key(host_id, IMAGE, name))
        report = decode(ReportedImage, said) if said is not None else None
        if report is None or report.revision < document.revision:
            asked.append(Asked(host_id, copy))
            continue
        reports[host_id, copy] = report
        failed = report.settled and report.fault is not None
        asked.append(Asked(host_id, copy, report.settled, failed))
    return Layout(
        images=images,
        spots=spots,
        image_datastores=await image_datastore_ids(store),
        asked=tuple(asked),
        documents=documents,
        reports=reports,
    )


async def _of_images(store: CloudStore, prefix_of: Callable[[str], str]) -> list[Document]:
    """What hosts shall do or say about images; a host has few, and many other documents."""
    documents: list[Document] = []
    async for stored in HOSTS.each(store):
        found, _ = await snapshot(store, f"{prefix_of(stored.value.id)}{IMAGE}/")
        documents.extend(found)
    return documents


async def may_want(store: CloudStore) -> bool:
    """Whether any image is to be copied anywhere: if not, nothing else need be read."""
    seeded = bool(await image_datastore_ids(store))
    return any(
        each.value.digest and (seeded or each.value.replication is Replication.EAGER)
        for each in await IMAGES.all(store)
    )


async def align(store: CloudStore, commit: Commit, limit: int) -> Moves:
    """Ask for what is next and withdraw what is not wanted; what was decided."""
    layout = await read_layout(store)
    wanted_copies = layout.wanted
    decided = moves(wanted_copies, layout.spots, layout.asked, limit)
    for each in decided.withdraw:
        document = layout.documents[each.host_id, each.copy]
        guard = AtRevision(document.key, document.revision)
        await _try(commit, [guard], [Delete(document.key)])
    for host_id, copy in decided.ask:
        key = copy_key(host_id, copy)
        desired = _desired(host_id, copy, wanted_copies[copy])
        await _try(commit, [Absent(key)], [Put(key, encode(desired))])
    return decided


async def ask_again(commit: Commit, document: Document) -> bool:
    """Have a host that gave a copy up try it anew: a changed wish is a new one."""
    desired = decode(DesiredImage, document)
    again = msgspec.structs.replace(desired, attempt=desired.attempt + 1)
    guard = AtRevision(document.key, document.revision)
    return await _try(commit, [guard], [Put(document.key, encode(again))])


def copy_key(host_id: str, copy: Copy) -> str:
    """Where a host is asked for a copy."""
    return desired_key(host_id, IMAGE, image_copy(copy.digest, _told(host_id, copy)))


def copy_named(host_id: str, name: str) -> Copy:
    """The copy that a desired document's last segment names."""
    digest, _, datastore_id = name.partition("@")
    return Copy(digest, datastore_id or host_id)


def _told(host_id: str, copy: Copy) -> str:
    """The datastore as its host knows it: an older agent's only place has no id."""
    return "" if copy.datastore_id == host_id else copy.datastore_id


def _desired(host_id: str, copy: Copy, size_bytes: int) -> DesiredImage:
    return DesiredImage(digest=copy.digest, size_bytes=size_bytes, datastore=_told(host_id, copy))


async def _try(commit: Commit, guards: Sequence[Guard], changes: Sequence[Change]) -> bool:
    try:
        await commit(guards, changes)
    except GuardFailed:
        return False  # another controller did it, or it changed: the next look decides anew
    return True
