"""The document store, with people and groups wherever they are at home.

A ``DirectoryStore`` is a ``CloudStore`` whose documents of people, groups and service accounts
are entries of OpenLDAP once the site's home is there; all others pass.  So every verb of the
directory is the same on both.  What the store promises holds for the entries, too: a commit is
decided in the document store (``Pending``: what is to be done to entries, with all guards and
all other changes in that one commit) and then carried out; who is killed between leaves it to
the next writer.  Commits that touch entries are made one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Document,
    Guard,
    GuardFailed,
    Page,
    PrefixEmpty,
    PrefixUnchanged,
    Put,
    ValueIs,
)
from heliostat.cloudstore.documents import quote
from heliostat.cloudstore.views import PassingStore
from heliostat.core.clock import Clock
from heliostat.core.errors import TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.openldap.carrying import Carrying
from heliostat.identity.openldap.guards import is_about_entries, outside
from heliostat.identity.openldap.homes import Phase, Place, read_home
from heliostat.identity.openldap.pending import PENDING, Act, Pending, steps_of, touches_entries
from heliostat.identity.openldap.placing import (
    Holding,
    holding,
    placed,
    shelf,
    shelf_around,
)
from heliostat.identity.openldap.snapshots import Snapshots
from heliostat.identity.openldap.tree import Tree

PLACE_S = 1.0
"""How long reads go on in the home before; it is emptied minutes later, and nothing is written."""


class DirectoryStore(PassingStore):
    """See the module; ``tree`` is how entries are reached."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, tree: Tree) -> None:
        super().__init__(store)
        self.tree = tree
        self._clock = clock
        self._writing = asyncio.Lock()
        self._snapshots = Snapshots(store, tree)
        self._carrying = Carrying(store, clock, ids, tree, self._snapshots.changed)
        self._place = Place.EMBEDDED
        self._place_until_s = 0.0

    @property
    def beneath(self) -> CloudStore:
        """The document store itself."""
        return self._store

    async def place(self) -> Place:
        """Where everybody is now, as known a second ago at most."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._place_until_s:
            self._place = (await read_home(self._store))[0].place
            self._place_until_s = now_s + PLACE_S
        return self._place

    async def written(self, prefix: str) -> int:
        """When something of a kind (its prefix) was last decided to be written to entries."""
        where = shelf(prefix)
        assert where is not None
        found = await self._store.get(where.mark)
        return found.revision if found is not None else 0

    def look_again(self) -> None:
        """Everybody may have moved."""
        self._place_until_s = 0.0
        self._snapshots.clear()

    def _is_embedded(self) -> bool:
        """As ``place``, for who need not wait: false where that is not known now, either."""
        fresh = self._clock.monotonic_s() < self._place_until_s
        return fresh and self._place is Place.EMBEDDED

    def mark(self, folder: str) -> int | None:
        """Entries are written unseen, by whoever speaks LDAP."""
        here = self._is_embedded() or shelf(folder) is None
        return self._store.mark(folder) if here else None

    def get(
        self, key: str, *, at_revision: int | None = None
    ) -> Coroutine[Any, Any, Document | None]:
        if self._is_embedded():
            return self._store.get(key, at_revision=at_revision)
        return self._get(key, at_revision)

    async def _get(self, key: str, at_revision: int | None) -> Document | None:
        place = placed(key)
        if place is None or await self.place() is Place.EMBEDDED:
            return await self._store.get(key, at_revision=at_revision)
        if place.is_mixed:
            found = await self._store.get(key, at_revision=at_revision)
            if found is not None:
                return found
        return await self.tree.get(self._store, place)

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        """As ``CloudStore.commit``; raises ``DirectoryMoving`` while nothing may change, and
        ``DirectoryUnavailable``: what was decided then is carried out later.
        """
        touched = [each for each in changes if touches_entries(each)]
        asked = [each for each in guards if is_about_entries(each)]
        if not touched and not asked:
            return await self._store.commit(guards, changes)
        home, unmoved, _ = await read_home(self._store)
        if touched and home.phase is Phase.CLOSED:
            raise _moving()
        if home.place is Place.EMBEDDED:
            return await self._store.commit([*guards, unmoved], changes)
        # to its end also when the caller goes away, because others wait for the lock
        return await asyncio.shield(self._in_turn([*guards, unmoved], changes))

    async def recover(self) -> None:
        """At the start: what a controller before us left is carried out without waiting."""
        await self._carrying.recover()

    async def finish(self) -> None:
        """Carry out what was decided; where nothing more is decided, nothing is left then."""
        async with self._writing:
            await self._carrying.turn()

    async def _in_turn(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        async with self._writing:
            turn = await self._carrying.turn()
            return await self._commit([*guards, turn], changes)

    async def _commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        steps, others = await steps_of(self._store, changes)
        held: list[Guard] = []
        only_at = ""
        for guard in guards:
            if not is_about_entries(guard):
                held.append(outside(guard))
                continue
            only_at = await self._check(guard) or only_at
            if await self._lies_beneath(guard):
                held.append(guard)
        if not steps:
            return await self._store.commit(held, others)
        pending = Pending(
            owner=self._carrying.owner, steps=tuple(steps), decided_ms=self._clock.now_ms()
        )
        marks = {step.place().shelf.mark for step in steps if step.act is not Act.REMOVE_DOMAIN}
        written: list[Change] = [Put(mark, b"{}") for mark in sorted(marks)]
        revision = await self._store.commit(held, [*PENDING.put(pending), *written, *others])
        lone = len(steps) == 1 and not others
        failed = await self._carrying.carry_out(pending, only_at if lone else "")
        if failed:
            raise GuardFailed(next(each for each in guards if is_about_entries(each)))
        return revision

    async def _lies_beneath(self, guard: Guard) -> bool:
        """Whether it is about a document of a mixed kind that is no entry, or is to be neither."""
        if isinstance(guard, PrefixUnchanged | PrefixEmpty):
            return False
        place = placed(guard.key)
        if place is None or not place.is_mixed:
            return False
        return isinstance(guard, Absent) or await self._store.get(guard.key) is not None

    async def _check(self, guard: Guard) -> str:
        """Raise ``GuardFailed`` unless it holds; gives the CSN of an entry that was read."""
        match guard:
            case AtRevision(key, revision):
                found = await self.get(key)
                if found is None or found.revision != revision:
                    raise GuardFailed(guard)
                place = placed(key)
                return await self.tree.csn_of(self._store, place) if place else ""
            case Absent(key):
                if await self.get(key) is not None:
                    raise GuardFailed(guard)
            case ValueIs(key, value):
                found = await self.get(key)
                if found is None or found.value != value:
                    raise GuardFailed(guard)
            case PrefixEmpty(prefix):
                if (await self.list(prefix, limit=1)).items:
                    raise GuardFailed(guard)
        return ""

    async def _groups_of(self, held: Holding, limit: int, after: str | None) -> Page:
        """The index from members to groups, as the entries have it now."""
        revision = await self._store.revision()
        keys = [held.prefix + quote(key) for key in await self.tree.holding(self._store, held)]
        rest = [key for key in sorted(keys) if after is None or key > after]
        shown = tuple(Document(key, b"", revision, revision) for key in rest[:limit])
        return Page(shown, shown[-1].key if len(rest) > limit else None, revision)

    # Last, because inside the class the name hides the builtin from annotations below it.
    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        if self._is_embedded():
            return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)
        where, held = shelf_around(prefix), holding(prefix)
        if (where is None and held is None) or await self.place() is Place.EMBEDDED:
            return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)
        if held is not None:
            return await self._groups_of(held, limit, after)
        assert where is not None
        snapshot = await self._snapshots.of(where, at_revision)
        rest = [
            each
            for each in snapshot.items
            if each.key.startswith(prefix) and (after is None or each.key > after)
        ]
        shown = tuple(rest[:limit])
        more = shown[-1].key if shown and len(rest) > limit else None
        return Page(shown, more, snapshot.revision)


def _moving() -> TemporaryError:
    return TemporaryError(
        "DirectoryMoving", "People and groups are being moved; nothing can change for a moment."
    )
