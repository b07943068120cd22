"""Kinds of a tenant as they were when a page of them was given, so that the next is of the same.

Entries are as of now only, so a list of them is remembered whole.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore, Compacted, Document
from heliostat.identity.openldap.placing import Shelf, holds
from heliostat.identity.openldap.tree import Tree

MOST = 64
"""Lists that are remembered."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kind of a tenant as it was: ``state`` tells whether it still is."""

    revision: int
    state: tuple[str, ...]
    items: tuple[Document, ...]


class Snapshots:
    """Lists of entries, with what the document store has of the same kind."""

    def __init__(self, store: CloudStore, tree: Tree) -> None:
        self._store = store
        self._tree = tree
        self._kept: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._latest: dict[str, Snapshot] = {}

    def changed(self) -> None:
        """Something was written: lists of now are read again, those that were given stay."""
        self._latest.clear()

    def clear(self) -> None:
        """Everybody may have moved."""
        self._latest.clear()
        self._kept.clear()

    async def of(self, where: Shelf, at_revision: int | None) -> Snapshot:
        """The kind as of now, or as it was when a page of it was given."""
        prefix = where.prefix
        if at_revision is not None:
            kept = self._kept.get((prefix, at_revision))
            if kept is None:
                raise Compacted(at_revision, at_revision)
            return kept
        revision = await self._store.revision()
        state = await self._tree.state()
        if where.is_mixed:
            state = (*state, str(revision))
        known = self._latest.get(prefix)
        if known is not None and known.state == state:
            return known
        items = await self._tree.all(self._store, where)
        if where.is_mixed:
            items += await self._all_beneath(prefix)
        items.sort(key=lambda each: each.key)
        made = Snapshot(revision, state, tuple(items))
        self._latest[prefix] = self._kept[prefix, revision] = made
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        while len(self._latest) > MOST:
            del self._latest[next(iter(self._latest))]
        return made

    async def _all_beneath(self, prefix: str) -> list[Document]:
        page = await self._store.list(prefix)
        items = [*page.items]
        while page.after is not None:
            page = await self._store.list(prefix, after=page.after, at_revision=page.revision)
            items += page.items
        return [each for each in items if not holds(each.key, each.value)]
