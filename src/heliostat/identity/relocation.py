"""Moves documents of a store from before there were tenants to where the system's lie.

``/v1/user/alice`` becomes ``/v1/user/system/alice``; what is moved already stays.  Each
batch is one commit, so a start that is cut off, or two at once, lose nothing.  What has a
newer one in its new place stays where it is; the rest of its batch moves alone.
"""

from __future__ import annotations

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
from heliostat.cloudstore.documents import walk
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.records import kinds_of

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
