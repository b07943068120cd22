"""What can be put right without asking anybody, each with the commit that does it.

A mend is made of what was read, and its guards say so: if anything of it changed
meanwhile the commit fails and the next check-up judges anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.contract import Absent, AtRevision, Change, CloudStore, Delete, Guard, Put
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.controller.model.invariants import World, project_usage, tenant_usage
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.workflows import kinds
from heliostat.controller.workflows.audit import INDEXED, read_world
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import open_key


@dataclass(frozen=True, slots=True)
class Mend:
    """A sentence, and the commit that makes it true."""

    message: str
    guards: tuple[Guard, ...]
    changes: tuple[Change, ...]


async def mends(store: CloudStore) -> AsyncIterator[Mend]:
    """Every mend that is called for now."""
    world = await read_world(store)
    for kind in INDEXED:
        async for mend in _indexes(store, kind, world):
            yield mend
        async for mend in _locks(store, kind):
            yield mend
    async for mend in _quotas(store, world):
        yield mend


async def _indexes(store: CloudStore, kind: Kind[Any], world: World) -> AsyncIterator[Mend]:
    prefix = f"/idx/{kind.name}/"
    for key in sorted(world.index_found - world.index_expected):
        if key.startswith(prefix):
            document = await store.get(key)
            target = kind.prefix + key.rsplit("/", 1)[-1]
            if document is None:
                continue
            behind = await store.get(target)
            guard: Guard = AtRevision(target, behind.revision) if behind else Absent(target)
            yield Mend(f"Remove the index entry {key}.", (guard,), (Delete(key),))
    for key in sorted(world.index_expected - world.index_found):
        if key.startswith(prefix):
            behind = await store.get(kind.prefix + key.rsplit("/", 1)[-1])
            if behind is not None:
                own = AtRevision(behind.key, behind.revision)
                yield Mend(f"Add the index entry {key}.", (own, Absent(key)), (Put(key, b""),))


async def _locks(store: CloudStore, kind: Kind[Any]) -> AsyncIterator[Mend]:
    for stored in await kind.all(store):
        task_id = getattr(stored.value, "task_id", "")  # some are under no operations
        if task_id and await store.get(open_key(task_id)) is None:
            freed = replace(stored.value, task_id="")
            yield Mend(
                f"Free {kind.name} {stored.value.id} of the task {task_id}, which has ended.",
                (kind.guard(stored), Absent(open_key(task_id))),
                tuple(kind.put(freed, stored.value)),
            )


async def _quotas(store: CloudStore, world: World) -> AsyncIterator[Mend]:
    """Projects first: what a tenant's projects draw follows from theirs."""
    for owner, ids, count in (
        (OwnerKind.PROJECT, world.projects, project_usage),
        (OwnerKind.TENANT, world.tenants, tenant_usage),
    ):
        for id_ in sorted(ids):
            stored = await kinds.QUOTAS[owner].get(store, id_)
            if stored is None:
                continue
            try:
                expected = count(world, stored.value)
            except PermanentError:
                continue  # above its limit: which of the two is wrong only people can say
            recount = _recount(stored, expected)
            if recount is not None:
                yield recount


def _recount(stored: Stored[Quota], expected: Quota) -> Mend | None:
    """The usage as counted, the limits as they are."""
    before = stored.value
    items = {
        key: replace(item, used=expected.items[key].used if key in expected.items else 0)
        for key, item in {**expected.items, **before.items}.items()
    }
    after = replace(before, items={k: v for k, v in items.items() if v.used or k in before.items})
    if after == before:
        return None
    kind = kinds.QUOTAS[before.owner_kind]
    return Mend(
        f"Count the usage of {before.owner_kind} {before.owner_id} anew.",
        (kind.guard(stored),),
        tuple(kind.put(after, before)),
    )
