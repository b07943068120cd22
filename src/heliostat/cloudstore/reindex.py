"""Index entries for documents that were written before an index existed.

A version that adds an index to a kind meets documents without entries in it, and
lists read from the index would not show them.  So before a controller serves, it
compares the indexes it knows with those that the store was last brought up to
(one small document), and completes the kinds that differ.  Every document is
written about under a guard on its revision; stopped halfway, it begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import MAX_CHANGES, CloudStore, GuardFailed, Put
from heliostat.cloudstore.documents import Kind, Stored

MARKER = "/v1/site/indexes"
_BATCH = 20


async def complete_indexes(store: CloudStore, kinds: Sequence[Kind[Any]]) -> int:
    """Bring the indexes of ``kinds`` up to this version; how many documents lacked entries."""
    known = {kind.name: sorted(kind.indexes) for kind in kinds}
    marker = await store.get(MARKER)
    done = msgspec.json.decode(marker.value, type=dict[str, list[str]]) if marker else {}
    if all(done.get(name) == indexes for name, indexes in known.items()):
        return 0
    completed = 0
    for kind in kinds:
        if done.get(kind.name) != known[kind.name]:
            completed += await _complete(store, kind)
    await store.commit((), [Put(MARKER, msgspec.json.encode({**done, **known}))])
    return completed


async def _complete(store: CloudStore, kind: Kind[Any]) -> int:
    completed, after = 0, None
    while True:
        page = await kind.list(store, limit=_BATCH, after=after)
        for stored in page.items:
            completed += await _complete_one(store, kind, stored)
        after = page.after
        if after is None:
            return completed


async def _complete_one(store: CloudStore, kind: Kind[Any], stored: Stored[Any] | None) -> bool:
    while stored is not None:
        changes = [each for each in _entries(kind, stored) if await store.get(each.key) is None]
        if not changes:
            return False
        try:
            await store.commit([kind.guard(stored)], changes[:MAX_CHANGES])
        except GuardFailed:
            stored = await kind.get(store, kind.identify(stored.value))
            continue
        if len(changes) <= MAX_CHANGES:
            return True
    return False


def _entries(kind: Kind[Any], stored: Stored[Any]) -> Iterable[Put]:
    return (
        change
        for change in kind.put(stored.value)
        if isinstance(change, Put) and change.key.startswith("/idx/")
    )
