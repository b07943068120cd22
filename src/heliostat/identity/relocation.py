"""Brings a store of an earlier version up to this one, at the start.

``relocate`` moves documents from before there were tenants to where the system's lie:

``/v1/user/alice`` becomes ``/v1/user/system/alice``; what is moved already stays.  Each
batch is one commit, so a start that is cut off, or two at once, lose nothing.  What has a
newer one in its new place stays where it is; the rest of its batch moves alone.
``complete`` gives what was made by an earlier version its index entries and POSIX numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

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
from heliostat.cloudstore.documents import Kind, Stored, walk
from heliostat.cloudstore.reindex import complete_indexes
from heliostat.identity.directory.numbers import NumberTaker
from heliostat.identity.directory.records import Group, User
from heliostat.identity.kinds import kinds_of
from heliostat.identity.options import SYSTEM_TENANT

BATCH = 40


async def relocate(store: CloudStore) -> int:
    """Move what is left of the old layout; gives how many documents that were."""
    count = 0
    for kind in kinds_of(SYSTEM_TENANT).all:
        old_prefix = kind.prefix.removesuffix(f"{SYSTEM_TENANT}/")
        old = [each async for each in walk(store, old_prefix) if _is_old(each, old_prefix)]
        for start in range(0, len(old), BATCH):
            count += await _move(store, old[start : start + BATCH], old_prefix, kind.prefix)
    return count


async def complete(store: CloudStore, tenants: Sequence[str]) -> int:
    """Index and number what the tenants with these ids hold; gives how many were numbered."""
    await complete_indexes(
        store, [kind for id_ in tenants for kind in kinds_of(id_).directory.indexed]
    )
    authorities = [kinds_of(id_).authority for id_ in tenants]
    await complete_indexes(store, [each.certificates for each in authorities])
    await complete_indexes(store, [each.acme.accounts for each in authorities])
    count = 0
    for tenant_id in tenants:
        kinds = kinds_of(tenant_id).directory
        taker = NumberTaker(store, kinds)
        for kind in (kinds.users, kinds.groups):
            async for stored in kind.each(store):
                count += await _number(store, kind, stored, taker)
    return count


async def _number(
    store: CloudStore, kind: Kind[Any], stored: Stored[User] | Stored[Group], taker: NumberTaker
) -> bool:
    if stored.value.number:
        return False
    numbered = msgspec.structs.replace(stored.value, number=await taker.take())
    try:
        await store.commit([kind.guard(stored)], kind.put(numbered, stored.value))
    except GuardFailed:
        return False  # somebody changed it at this moment; the next start sees it again
    return True


def _is_old(document: Document, prefix: str) -> bool:
    return "/" not in document.key.removeprefix(prefix)


async def _move(store: CloudStore, old: list[Document], before: str, after: str) -> int:
    guards: list[Guard] = []
    changes: list[Change] = []
    for document in old:
        key = after + document.key.removeprefix(before)
        guards += [AtRevision(document.key, document.revision), Absent(key)]
        changes += [Put(key, document.value), Delete(document.key)]
    try:
        await store.commit(guards, changes)
    except GuardFailed:
        if len(old) == 1:
            return 0  # another controller moved it at the same start, or one of before is at work
        return sum([await _move(store, [each], before, after) for each in old])
    return len(old)
