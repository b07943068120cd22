"""Reading everything at one revision, for the check of :mod:`model.invariants`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.content.references import REFERENCES
from heliostat.controller.model.desired import CAPTURE, DESIRED, DISK, VM
from heliostat.controller.model.invariants import World, violations
from heliostat.controller.model.quota import OwnerKind
from heliostat.controller.trail.seals import verify
from heliostat.controller.workflows.kinds import (
    BULKS,
    DATASTORE_RESERVATIONS,
    DATASTORES,
    DISKS,
    FLAVORS,
    HOSTS,
    IMAGE_DATASTORES,
    IMAGES,
    INVENTORIES,
    PROJECTS,
    QUOTAS,
    RESERVATIONS,
    TENANTS,
    VMS,
    ZONES,
)
from heliostat.tasks.model import open_key

INDEXED: tuple[Kind[Any], ...] = (
    TENANTS,
    PROJECTS,
    FLAVORS,
    IMAGES,
    VMS,
    DISKS,
    HOSTS,
    ZONES,
    DATASTORES,
    INVENTORIES,
    IMAGE_DATASTORES,
    BULKS,
    *QUOTAS.values(),
)
"""The kinds of the books that are found by more than their id, or may be one day."""


async def audit(store: CloudStore) -> list[str]:
    """What is wrong with the documents now: sentences, none if the books are in order."""
    return [*violations(await read_world(store)), *(await verify(store)).problems]


async def read_world(store: CloudStore) -> World:
    """All documents as of one revision."""
    revision = await store.revision()

    async def keyed(kind: Kind[Any]) -> dict[str, Any]:
        return {
            kind.identify(value): value
            for value in [each async for each in _values(store, kind, revision)]
        }

    groups = {kind.name: await keyed(kind) for kind in INDEXED}
    quotas = {
        (owner, id_): quota
        for owner in OwnerKind
        for id_, quota in groups[QUOTAS[owner].name].items()
    }
    expected = {
        change.key
        for kind in INDEXED
        for value in groups[kind.name].values()
        for change in kind.put(value)
        if change.key.startswith("/idx/")
    }
    found = [key for kind in INDEXED for key in await _keys(store, f"/idx/{kind.name}/", revision)]
    return World(
        tenants=groups[TENANTS.name],
        projects=groups[PROJECTS.name],
        quotas=quotas,
        flavors=groups[FLAVORS.name],
        images=groups[IMAGES.name],
        vms=groups[VMS.name],
        disks=groups[DISKS.name],
        hosts=groups[HOSTS.name],
        zones=groups[ZONES.name],
        datastores=groups[DATASTORES.name],
        image_datastores=groups[IMAGE_DATASTORES.name],
        reservations=await keyed(RESERVATIONS),
        datastore_reservations=await keyed(DATASTORE_RESERVATIONS),
        bulks=groups[BULKS.name],
        index_expected=frozenset(expected),
        index_found=frozenset(found),
        desired=frozenset(_wanted(await _keys(store, DESIRED, revision))),
        open_tasks=frozenset(
            key.removeprefix(open_key("")) for key in await _keys(store, open_key(""), revision)
        ),
        references=frozenset(_referring(key) for key in await _keys(store, REFERENCES, revision)),
    )


def _wanted(keys: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    for key in keys:
        host_id, kind, id_ = key.removeprefix(DESIRED).split("/")
        if kind in (VM, DISK, CAPTURE):
            yield host_id, kind, id_


def _referring(key: str) -> tuple[str, str, str]:
    digest, _, owner = key.removeprefix(REFERENCES).partition("/")
    kind, _, id_ = owner.partition(":")
    return digest, kind, id_


async def _values(store: CloudStore, kind: Kind[Any], revision: int) -> AsyncIterator[Any]:
    page = await kind.list(store, at_revision=revision)
    while True:
        for stored in page.items:
            yield stored.value
        if page.after is None:
            return
        page = await kind.list(store, after=page.after, at_revision=revision)


async def _keys(store: CloudStore, prefix: str, revision: int) -> list[str]:
    page = await store.list(prefix, at_revision=revision)
    keys = [document.key for document in page.items]
    while page.after is not None:
        page = await store.list(prefix, after=page.after, at_revision=revision)
        keys.extend(document.key for document in page.items)
    return keys
