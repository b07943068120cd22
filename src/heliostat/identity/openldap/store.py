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
import contextlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec import structs

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    Change,
    CloudStore,
    Compacted,
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
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.openldap.homes import Phase, Place, read_home
from heliostat.identity.openldap.pending import PENDING, Act, Pending, steps_of, touches_entries
from heliostat.identity.openldap.placing import (
    Holding,
    Shelf,
    holding,
    holds,
    placed,
    shelf,
    shelf_around,
)
from heliostat.identity.openldap.tree import Tree

SNAPSHOTS = 64
"""Lists that are remembered, so that their next pages are of the same moment."""
HELD_S = 20.0
"""After this long what another controller decided and did not carry out is taken over."""
POLL_S = 0.05
PLACE_S = 1.0
"""How long reads go on in the home before; it is emptied minutes later, and nothing is written."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kind of a tenant as it was: ``state`` tells whether it still is."""

    revision: int
    state: tuple[str, ...]
    items: tuple[Document, ...]


class DirectoryStore(PassingStore):
    """See the module; ``tree`` is how entries are reached."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, tree: Tree) -> None:
        super().__init__(store)
        self.tree = tree
        self._clock = clock
        self._ids = ids
        self._writing = asyncio.Lock()
        self._snapshots: OrderedDict[tuple[str, int], Snapshot] = OrderedDict()
        self._latest: dict[str, Snapshot] = {}
        self._place = Place.EMBEDDED
        self._place_until_s = 0.0

    @cached_property
    def _owner(self) -> str:
        """Who writes, among controllers; made by the first write in OpenLDAP."""
        return self._ids.new_id()

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
        self._latest.clear()
        self._snapshots.clear()

    async def get(self, key: str, *, at_revision: int | None = None) -> Document | None:
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
        asked = [each for each in guards if _about(each)]
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
        stored = await PENDING.get(self._store, Pending.ID)
        if stored is not None and stored.value.steps:
            await self._carry_out(stored.value, "")

    async def finish(self) -> None:
        """Carry out what was decided; where nothing more is decided, nothing is left then."""
        async with self._writing:
            await self._turn()

    async def _in_turn(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        async with self._writing:
            turn = await self._turn()
            return await self._commit([*guards, turn], changes)

    async def _turn(self) -> Guard:
        """A guard that nobody decides anything meanwhile; what was left is carried out first."""
        waited_s = 0.0
        while True:
            stored = await PENDING.get(self._store, Pending.ID)
            if stored is None:
                return PENDING.absent(Pending.ID)
            if not stored.value.steps:
                return PENDING.guard(stored)
            if stored.value.owner == self._owner or waited_s >= HELD_S:
                await self._carry_out(stored.value, "")
                continue
            await self._clock.sleep(POLL_S)
            waited_s += POLL_S

    async def _commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        steps, others = await steps_of(self._store, changes)
        outside: list[Guard] = []
        only_at = ""
        for guard in guards:
            if not _about(guard):
                outside.append(_outside(guard))
                continue
            only_at = await self._check(guard) or only_at
            if await self._lies_beneath(guard):
                outside.append(guard)
        if not steps:
            return await self._store.commit(outside, others)
        pending = Pending(owner=self._owner, steps=tuple(steps), decided_ms=self._clock.now_ms())
        marks = {step.place().shelf.mark for step in steps if step.act is not Act.REMOVE_DOMAIN}
        written: list[Change] = [Put(mark, b"{}") for mark in sorted(marks)]
        revision = await self._store.commit(outside, [*PENDING.put(pending), *written, *others])
        lone = len(steps) == 1 and not others
        failed = await self._carry_out(pending, only_at if lone else "")
        if failed:
            raise GuardFailed(next(each for each in guards if _about(each)))
        return revision

    async def _carry_out(self, pending: Pending, only_at: str) -> bool:
        """Do the steps, then forget them; whether an entry was not as it had been read."""
        try:
            unchanged = await self.tree.apply(pending.steps, only_at)
        except PermanentError:  # no node takes it: it must not keep all others back
            await self._forget(pending)
            raise
        await self._forget(pending)
        return not unchanged

    async def _forget(self, pending: Pending) -> None:
        self._latest.clear()
        stored = await PENDING.get(self._store, Pending.ID)
        if stored is None or stored.value != pending:
            return
        done = structs.replace(pending, steps=())
        with contextlib.suppress(GuardFailed):  # another controller carried it out, too
            await self._store.commit([PENDING.guard(stored)], PENDING.put(done, pending))

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

    async def _snapshot(self, where: Shelf, at_revision: int | None) -> Snapshot:
        """The kind as of now, or as it was when a page of it was given."""
        prefix = where.prefix
        if at_revision is not None:
            kept = self._snapshots.get((prefix, at_revision))
            if kept is None:
                raise Compacted(at_revision, at_revision)
            return kept
        revision = await self._store.revision()
        state = await self.tree.state()
        if where.is_mixed:
            state = (*state, str(revision))
        known = self._latest.get(prefix)
        if known is not None and known.state == state:
            return known
        items = await self.tree.all(self._store, where)
        if where.is_mixed:
            items += await self._all_beneath(prefix)
        items.sort(key=lambda each: each.key)
        made = Snapshot(revision, state, tuple(items))
        self._latest[prefix] = self._snapshots[prefix, revision] = made
        while len(self._snapshots) > SNAPSHOTS:
            self._snapshots.popitem(last=False)
        while len(self._latest) > SNAPSHOTS:
            del self._latest[next(iter(self._latest))]
        return made

    async def _groups_of(self, held: Holding, limit: int, after: str | None) -> Page:
        """The index from members to groups, as the entries have it now."""
        revision = await self._store.revision()
        keys = [held.prefix + quote(key) for key in await self.tree.holding(self._store, held)]
        rest = [key for key in sorted(keys) if after is None or key > after]
        shown = tuple(Document(key, b"", revision, revision) for key in rest[:limit])
        return Page(shown, shown[-1].key if len(rest) > limit else None, revision)

    async def _all_beneath(self, prefix: str) -> list[Document]:
        page = await self._store.list(prefix)
        items = [*page.items]
        while page.after is not None:
            page = await self._store.list(prefix, after=page.after, at_revision=page.revision)
            items += page.items
        return [each for each in items if not holds(each.key, each.value)]

    # Last, because inside the class the name hides the builtin from annotations below it.
    async def list(
        self,
        prefix: str,
        *,
        limit: int = 1000,
        after: str | None = None,
        at_revision: int | None = None,
    ) -> Page:
        where, held = shelf_around(prefix), holding(prefix)
        if (where is None and held is None) or await self.place() is Place.EMBEDDED:
            return await self._store.list(prefix, limit=limit, after=after, at_revision=at_revision)
        if held is not None:
            return await self._groups_of(held, limit, after)
        assert where is not None
        snapshot = await self._snapshot(where, at_revision)
        rest = [
            each
            for each in snapshot.items
            if each.key.startswith(prefix) and (after is None or each.key > after)
        ]
        shown = tuple(rest[:limit])
        more = shown[-1].key if shown and len(rest) > limit else None
        return Page(shown, more, snapshot.revision)


def _about(guard: Guard) -> bool:
    """Whether the guard is about documents that may be entries."""
    if isinstance(guard, PrefixUnchanged):
        return False
    if isinstance(guard, PrefixEmpty):
        return shelf(guard.prefix) is not None
    return placed(guard.key) is not None


def _outside(guard: Guard) -> Guard:
    """The guard as the document store can hold it: what is written to entries leaves a mark."""
    where = shelf(guard.prefix) if isinstance(guard, PrefixUnchanged) else None
    if where is None or not isinstance(guard, PrefixUnchanged):
        return guard
    return PrefixUnchanged(where.mark, guard.since)


def _moving() -> TemporaryError:
    return TemporaryError(
        "DirectoryMoving", "People and groups are being moved; nothing can change for a moment."
    )
