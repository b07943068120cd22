"""Carrying out what was decided: one commit after the other, also after who decided is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cached_property

from msgspec import structs

from heliostat.cloudstore.contract import CloudStore, Guard, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.openldap.pending import PENDING, Pending
from heliostat.identity.openldap.tree import Tree

HELD_S = 20.0
"""After this long what another controller decided and did not carry out is taken over."""
POLL_S = 0.05


class Carrying:
    """What is pending in ``store`` is done to ``tree``; ``changed`` hears of it."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, tree: Tree, changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._tree = tree
        self._changed = changed

    @cached_property
    def owner(self) -> str:
        """Who writes, among controllers; made by the first write in OpenLDAP."""
        return self._ids.new_id()

    async def recover(self) -> None:
        """What a controller before us left is carried out without waiting."""
        stored = await PENDING.get(self._store, Pending.ID)
        if stored is not None and stored.value.steps:
            await self.carry_out(stored.value)

    async def turn(self) -> Guard:
        """A guard that nobody decides anything meanwhile; what was left is carried out first."""
        waited_s = 0.0
        while True:
            stored = await PENDING.get(self._store, Pending.ID)
            if stored is None:
                return PENDING.absent(Pending.ID)
            if not stored.value.steps:
                return PENDING.guard(stored)
            if stored.value.owner == self.owner or waited_s >= HELD_S:
                await self.carry_out(stored.value)
                continue
            await self._clock.sleep(POLL_S)
            waited_s += POLL_S

    async def carry_out(self, pending: Pending, only_at: str = "") -> bool:
        """Do the steps, then forget them; whether an entry was not as it had been read."""
        try:
            unchanged = await self._tree.apply(pending.steps, only_at)
        except PermanentError:  # no node takes it: it must not keep all others back
            await self._forget(pending)
            raise
        await self._forget(pending)
        return not unchanged

    async def _forget(self, pending: Pending) -> None:
        self._changed()
        stored = await PENDING.get(self._store, Pending.ID)
        if stored is None or stored.value != pending:
            return
        done = structs.replace(pending, steps=())
        with contextlib.suppress(GuardFailed):  # another controller carried it out, too
            await self._store.commit([PENDING.guard(stored)], PENDING.put(done, pending))
