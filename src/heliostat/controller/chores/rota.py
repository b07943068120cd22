"""Who looks into which chore, and when.

Every controller runs a rota.  A look is claimed by writing the time into the
chore's record (compare-and-set), so of all controllers one looks; if there is
something to do, the task is admitted under a guard on the same record, so there
is never a second task beside one that has not ended.  Nothing is held between
looks: a controller that dies leaves at most one look undone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace

from heliostat.cloudstore.contract import Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.controller.chores.contract import RECORDS, Chore, ChoreRecord
from heliostat.controller.chores.verbs import admission, looked, open_task
from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.controller.workflows.commit import changes_of
from heliostat.core.errors import HeliostatError, TemporaryError

log = logging.getLogger(__name__)

Paused = Callable[[], Awaitable[bool]]
PAUSE_CHECK_S = 5.0
"""How long after the end of a pause background work goes on, at most."""


async def not_paused() -> bool:
    """For rotas that nobody can pause."""
    return False


class Rota:
    """Looks into ``chores`` until cancelled; none of them while ``paused`` says so."""

    def __init__(self, ports: Ports, chores: Iterable[Chore], paused: Paused) -> None:
        self._ports = ports
        self._chores = tuple(chores)
        self._paused = paused

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for chore in self._chores:
                group.create_task(self._attend(chore))

    async def _attend(self, chore: Chore) -> None:
        clock = self._ports.clock
        while True:
            try:
                await clock.sleep(await self._wait_s(chore))
                if await self._paused():
                    await clock.sleep(PAUSE_CHECK_S)
                    continue
                await self.look(chore)
            except TemporaryError as error:
                log.warning("chore %s: %s", chore.name, error)
                await clock.sleep(error.retry_after_s)

    async def _wait_s(self, chore: Chore) -> float:
        """Seconds until the chore is due; a clock set back delays it by one period at most."""
        period_s = chore.period_s(self._ports)
        stored = await RECORDS.get(self._ports.store, chore.name)
        if stored is None:
            return 0.0
        due_s = (stored.value.looked_ms - self._ports.clock.now_ms()) / 1000 + period_s
        return min(max(due_s, 0.0), period_s)

    async def look(self, chore: Chore) -> str:
        """Look once, unless another controller does; the id of the task admitted, or empty."""
        store, name = self._ports.store, chore.name
        claimed = await self._claim(chore)
        if claimed is None or await open_task(store, claimed):
            return ""
        try:
            findings = await chore.find(self._ports)
        except TemporaryError:
            raise
        except HeliostatError as error:
            log.exception("chore %s could not be looked into", name)
            await self._write(claimed, replace(claimed.value, fault=str(error)))
            return ""
        if not findings:
            await self._write(claimed, replace(looked(claimed.value, ()), fault=""))
            return ""
        caller = Caller("heliostat", frozenset(), True, self._ports.ids.new_id())
        decided = admission(self._ports, caller, chore, claimed, findings)
        try:
            await store.commit(decided.guards, changes_of(decided))
        except GuardFailed:
            return ""  # somebody asked for it at the same moment
        log.info("chore %s: %d finding(s), task %s", name, len(findings), decided.task.id)
        return decided.task.id

    async def _claim(self, chore: Chore) -> Stored[ChoreRecord] | None:
        """The record with this look written into it; ``None`` if another controller was first."""
        store = self._ports.store
        stored = await RECORDS.get(store, chore.name)
        if stored is not None and await self._wait_s(chore) > 0:
            return None
        before = stored.value if stored is not None else ChoreRecord(name=chore.name, looked_ms=0)
        after = replace(before, looked_ms=self._ports.clock.now_ms())
        guard: Guard = RECORDS.guard(stored) if stored is not None else RECORDS.absent(chore.name)
        try:
            await store.commit([guard], RECORDS.put(after, stored.value if stored else None))
        except GuardFailed:
            return None
        return await RECORDS.get(store, chore.name)

    async def _write(self, claimed: Stored[ChoreRecord], record: ChoreRecord) -> None:
        if record == claimed.value:
            return
        try:
            await self._ports.store.commit(
                [RECORDS.guard(claimed)], RECORDS.put(record, claimed.value)
            )
        except GuardFailed:
            return  # run by hand meanwhile, which says more
