"""A worker's work under one lease: watch, claim, run.

Lives exactly as long as the lease: when that is lost everything here is
cancelled, and the engine begins anew with another lease.  Each task has one
coroutine; the board says which task to look at, the slots how many at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from heliostat.cloudstore.contract import (
    Document,
    Event,
    Lease,
    LeaseLost,
    StoreUnavailable,
)
from heliostat.core.logs import bind
from heliostat.tasks.actions import Asked, asked_of, task_of
from heliostat.tasks.bench import Bench
from heliostat.tasks.board import Board
from heliostat.tasks.claim import Claimed, Held, Refused, claim
from heliostat.tasks.durations import Stopwatch
from heliostat.tasks.follow import PAUSE_S, follow
from heliostat.tasks.indexes import ACTION_PREFIX, OPEN_PREFIX
from heliostat.tasks.journal import TaskTaken
from heliostat.tasks.lease import WORKERS_PREFIX, WorkerLease
from heliostat.tasks.model import Workflow
from heliostat.tasks.runner import Runner
from heliostat.tasks.slots import Slot, Slots

log = logging.getLogger(__name__)

SURPRISE_PAUSE_S = 5.0


class Session:
    """Everything a worker does while it holds one lease."""

    def __init__(
        self,
        bench: Bench,
        workflows: Mapping[str, Workflow],
        stopwatch: Stopwatch,
        *,
        worker_id: str,
        keeper: WorkerLease,
        lease: Lease,
        concurrency: int,
    ) -> None:
        self._bench = bench
        self._workflows = workflows
        self._stopwatch = stopwatch
        self._worker_id = worker_id
        self._keeper = keeper
        self._lease = lease
        self._board = Board()
        self._slots = Slots(concurrency)
        self._runners: dict[str, Runner] = {}
        self._asked: dict[str, Asked] = {}

    async def run(self) -> None:
        """Until cancelled, or until the lease is lost: then ``LeaseLost`` in a group."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keeper.keep(self._lease))
            group.create_task(self._sweep())
            group.create_task(self._stopwatch.flush_forever())
            # Workers and actions first: what is known about them saves useless claims.
            for prefix, reset, changed in (
                (WORKERS_PREFIX, self._reset_workers, self._worker_changed),
                (ACTION_PREFIX, self._reset_actions, self._action_changed),
                (OPEN_PREFIX, self._reset_open, self._open_changed),
            ):
                await self._start_following(group, prefix, reset, changed)
            while True:
                slot = await self._slots.take()
                task_id = await self._board.next()
                group.create_task(self._serve(task_id, slot))

    async def _start_following(
        self,
        group: asyncio.TaskGroup,
        prefix: str,
        reset: Callable[[Sequence[Document]], None],
        changed: Callable[[Event], None],
    ) -> None:
        """Follow ``prefix`` in the background; return when its first listing is there."""
        listed = asyncio.Event()

        def first_reset(documents: Sequence[Document]) -> None:
            reset(documents)
            listed.set()

        bench = self._bench
        group.create_task(
            follow(bench.store, bench.clock, prefix, reset=first_reset, changed=changed)
        )
        await listed.wait()

    async def _serve(self, task_id: str, slot: Slot) -> None:
        """Claim and run one task; whatever else goes wrong, look at it again later."""
        again_s: float | None = None
        bind(task=task_id)
        try:
            again_s = await self._claim_and_run(task_id, slot)
        except TaskTaken:
            again_s = 0.0
        except StoreUnavailable:
            again_s = PAUSE_S
        except LeaseLost:
            raise
        except Exception:
            log.exception("the worker failed at a task")
            again_s = SURPRISE_PAUSE_S
        finally:
            self._runners.pop(task_id, None)
            slot.close()
            self._board.left(task_id)
        if again_s is not None:
            await self._bench.clock.sleep(again_s)
            self._board.queue(task_id)

    async def _claim_and_run(self, task_id: str, slot: Slot) -> float | None:
        """Seconds after which to look at the task again, ``None`` for never."""
        bench = self._bench
        result = await claim(
            bench.store,
            bench.clock,
            self._lease,
            self._worker_id,
            self._workflows,
            task_id,
            is_live=self._board.is_live,
        )
        match result:
            case Claimed(journal, workflow):
                bind(operation=workflow.operation, request=journal.task.request_id)
                runner = Runner(bench, journal, workflow, slot)
                self._runners[task_id] = runner
                if (asked := self._asked.get(task_id)) is not None:
                    runner.inbox.offer(asked)
                await runner.run()
            case Held(worker_id):
                self._board.hold(task_id, worker_id)
            case Refused(reason):
                log.info("refused: %s", reason)
        return None

    async def _sweep(self) -> None:
        """Catch what an event that came between two awaits may have left behind."""
        while True:
            await self._bench.clock.sleep(self._lease.ttl_s)
            self._board.sweep()

    def _reset_workers(self, documents: Sequence[Document]) -> None:
        self._board.reset_workers(_name(each.key, WORKERS_PREFIX) for each in documents)

    def _worker_changed(self, event: Event) -> None:
        worker_id = _name(event.key, WORKERS_PREFIX)
        if event.value is None:
            self._board.worker_left(worker_id)
        else:
            self._board.worker_came(worker_id)

    def _reset_open(self, documents: Sequence[Document]) -> None:
        self._board.reset_open(_name(each.key, OPEN_PREFIX) for each in documents)

    def _open_changed(self, event: Event) -> None:
        task_id = _name(event.key, OPEN_PREFIX)
        if event.value is None:
            self._board.closed(task_id)
        else:
            self._board.opened(task_id)

    def _reset_actions(self, documents: Sequence[Document]) -> None:
        self._asked = {}
        for each in documents:
            self._action_changed(Event(each.key, each.value, each.revision))

    def _action_changed(self, event: Event) -> None:
        task_id, asked = task_of(event.key), asked_of(event)
        if asked is None:
            self._asked.pop(task_id, None)
            return
        self._asked[task_id] = asked
        if (runner := self._runners.get(task_id)) is not None:
            runner.inbox.offer(asked)


def _name(key: str, prefix: str) -> str:
    return key.removeprefix(prefix)
