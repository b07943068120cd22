"""Moving everybody between the document store and OpenLDAP: one command, either way.

Copying goes on while people change; then nothing may change (``DirectoryMoving``) while what
changed meanwhile is copied and both sides are compared, document by document; then one commit
says where everybody is.  Each step is a commit on the home's document, and copying twice does
no harm: whoever is killed anywhere goes on with the same command, or goes back with the
opposite one.  Signing in reads the old home until that commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Delete, Document, Put
from heliostat.cloudstore.documents import walk
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.openldap.contents import Contents, Count
from heliostat.identity.openldap.forms import FORMS
from heliostat.identity.openldap.homes import HOMES, Home, Phase, Place, read_home
from heliostat.identity.openldap.pending import Act, Step, domain_of
from heliostat.identity.openldap.placing import holds, placed
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.tenant import TENANTS

BATCH = 40
CLEAR_AFTER_S = 300.0
"""How long the former home stays: controllers that have not heard read it for a second."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did, or (``planned``) would do."""

    source: Place
    target: Place
    counts: tuple[Count, ...]
    changed: int
    planned: bool = False


Settled = Callable[[], Awaitable[None]]
"""Returns once no node that is asked lacks a change; raises ``DirectoryUnavailable``."""


async def _are_settled() -> None:
    """Of a single node."""


class Mover:
    """Moves the home of ``store``."""

    def __init__(
        self, store: DirectoryStore, clock: Clock, settled: Settled = _are_settled
    ) -> None:
        self._store = store
        self._beneath: CloudStore = store.beneath
        self._contents = Contents(store)
        self._clock = clock
        self._settled = settled

    async def home(self) -> Home:
        return (await read_home(self._beneath))[0]

    async def move(self, target: Place, *, plan: bool = False) -> Moved:
        """Have everybody at ``target``; being there already is fine.

        Raises ``InvalidOperation`` (no node yet), ``DirectoryUnavailable``, and
        ``DirectoryDiffers`` when what was copied is not what there is.
        """
        await self._refuse_without_nodes(target)
        home = await self.home()
        if plan or (home.place is target and home.phase is None):
            counts = await self._contents.counts(home.place)
            return Moved(home.place, target, counts, 0, planned=plan)
        if home.place is target:
            await self._undo()
            return Moved(home.place, target, await self._contents.counts(target), 0)
        source = home.place
        await self._to_phase(target, Phase.COPYING)
        changed = await self._copy(source, target)
        closed_at = await self._to_phase(target, Phase.CLOSED)
        try:
            await self._store.finish()  # what was decided before nothing more could be
            if source is Place.OPENLDAP:
                await self._settled()
            changed += await self._copy(source, target)
            counts = await self._contents.compared(source, target)
        except BaseException:
            await self.open_again()
            raise
        await self._switch(target, closed_at)
        return Moved(source, target, counts, changed)

    async def begin(self, target: Place) -> None:
        """Of a site in which there is nobody yet: everybody will be at ``target``."""
        home, guard, stored = await read_home(self._beneath)
        if stored is None and target is not home.place:
            await self._beneath.commit([guard], HOMES.put(Home(place=target)))
        self._store.look_again()

    async def clear(self) -> int:
        """Empty the home before, some minutes after a move; gives how many documents went."""
        home, guard, stored = await read_home(self._beneath)
        due_ms = home.moved_ms + int(CLEAR_AFTER_S * 1000)
        if stored is None or home.clear is None or self._clock.now_ms() < due_ms:
            return 0
        count = await self._emptied(home.clear)
        done = msgspec.structs.replace(home, clear=None)
        await self._beneath.commit([guard], HOMES.put(done, home))
        return count

    async def _to_phase(self, target: Place, phase: Phase) -> int:
        """Gives the revision of the home's document."""
        home, guard, stored = await read_home(self._beneath)
        new = msgspec.structs.replace(home, target=target, phase=phase, clear=None)
        changes = HOMES.put(new, stored.value if stored else None)
        return await self._beneath.commit([guard], changes)

    async def open_again(self) -> None:
        """People may change again, after a move that was cut off or failed at its end."""
        home, guard, stored = await read_home(self._beneath)
        if stored is not None and home.phase is Phase.CLOSED:
            new = msgspec.structs.replace(home, phase=Phase.COPYING)
            await self._beneath.commit([guard], HOMES.put(new, home))

    async def _undo(self) -> None:
        """Stay: what was copied elsewhere is emptied later."""
        home, guard, _ = await read_home(self._beneath)
        new = Home(place=home.place, moved_ms=self._clock.now_ms(), clear=home.target)
        await self._beneath.commit([guard], HOMES.put(new, home))
        self._store.look_again()

    async def _switch(self, target: Place, closed_at: int) -> None:
        """Unless people could change anything since."""
        home, guard, stored = await read_home(self._beneath)
        if stored is None or stored.revision != closed_at:
            raise TemporaryError("DirectoryMoving", "Somebody else moves everybody, too.")
        new = Home(place=target, moved_ms=self._clock.now_ms(), clear=home.place)
        await self._beneath.commit([guard], HOMES.put(new, home))
        self._store.look_again()

    async def _copy(self, source: Place, target: Place) -> int:
        """Make each shelf of ``target`` what it is in ``source``; gives what had to change."""
        count = 0
        async for shelf in self._contents.shelves():
            wanted = {
                each.key: each.value for each in await self._contents.documents(shelf, source)
            }
            there = {each.key: each.value for each in await self._contents.documents(shelf, target)}
            puts: list[Change] = [
                Put(key, value) for key, value in wanted.items() if there.get(key) != value
            ]
            changes = [*puts, *(Delete(key) for key in there.keys() - wanted.keys())]
            for start in range(0, len(changes), BATCH):
                await self._write(target, changes[start : start + BATCH])
            count += len(changes)
        return count

    async def _write(self, place: Place, changes: list[Change]) -> None:
        if place is Place.EMBEDDED:
            await self._beneath.commit([], changes)
            return
        steps = [await self._step(each) for each in changes]
        await self._store.tree.apply(steps)

    async def _step(self, change: Change) -> Step:
        where = placed(change.key)
        assert where is not None
        tenant = where.shelf.tenant
        domain, system = await domain_of(self._beneath, tenant), tenant == SYSTEM_TENANT
        act, value = (Act.PUT, change.value) if isinstance(change, Put) else (Act.DELETE, b"")
        return Step(act=act, key=change.key, domain=domain, system=system, value=value)

    async def _emptied(self, place: Place) -> int:
        count = 0
        if place is Place.OPENLDAP:
            count += await self._without_strangers()
            async for shelf in self._contents.shelves():
                count += await self._deleted(await self._contents.documents(shelf, place), place)
            return count
        for kind in FORMS:  # of all tenants, also of those that were deleted meanwhile
            found = [each async for each in walk(self._beneath, f"/v1/{kind}/")]
            held = [each for each in found if holds(each.key, each.value)]
            count += await self._deleted(held, place)
        return count

    async def _deleted(self, documents: list[Document], place: Place) -> int:
        gone: list[Change] = [Delete(each.key) for each in documents]
        for start in range(0, len(gone), BATCH):
            await self._write(place, gone[start : start + BATCH])
        return len(gone)

    async def _without_strangers(self) -> int:
        """Remove the subtrees of tenants that were deleted while everybody was elsewhere."""
        known = {each.value.domain for each in await TENANTS.all(self._beneath)}
        gone = [each for each in await self._store.tree.domains() if each not in known]
        for domain in gone:
            step = Step(act=Act.REMOVE_DOMAIN, key=TENANTS.prefix, domain=domain, system=False)
            await self._store.tree.apply([step])
        return len(gone)

    async def _refuse_without_nodes(self, target: Place) -> None:
        if target is Place.OPENLDAP and not self._store.tree.pool.endpoints:
            raise PermanentError(
                "InvalidOperation",
                "The directory has no node yet that could take everybody.",
                hint="Add one with `helio identity node add`.",
            )
