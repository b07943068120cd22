"""Crash a task worker at every commit, and see that another one ends what it began.

``crash_everywhere`` runs one scenario again and again, each time in a new store
under a new virtual clock.  In the n-th round the worker dies at its n-th commit:
once before the commit reached the store, once after, when only the answer got
lost.  A dead worker changes nothing more and gives nothing back; a second worker
takes over when the lease ends.  The rounds end when a worker got through alive.

``check`` is given the store and the finished task and asserts what must hold
however the history went.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import decode
from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.ids import SeededIds
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import Task, Workflow, open_key, task_key
from heliostat.testing.clock import VirtualClock
from heliostat.testing.faulty import MortalStore


@dataclass(frozen=True, slots=True)
class Scenario:
    """One task's story: ``admit`` commits the task and returns its id.

    ``ports`` makes what the steps reach the world through, anew for every round.
    """

    workflows: Mapping[str, Workflow]
    admit: Callable[[CloudStore, VirtualClock, SeededIds], Awaitable[str]]
    check: Callable[[CloudStore, Task, Any], Awaitable[None]]
    ports: Callable[[CloudStore, VirtualClock], Any] = lambda store, clock: None  # noqa: ARG005


@dataclass(frozen=True, slots=True)
class Round:
    """How one round went."""

    dies_at: int
    applied: bool
    died: bool
    task: Task


async def crash_everywhere(scenario: Scenario, *, most_commits: int = 60) -> list[Round]:
    """Play every round; returns them, the last two being the ones without a death."""
    rounds: list[Round] = []
    for number in range(1, most_commits + 1):
        played = [await crash_at(scenario, number, applied=applied) for applied in (False, True)]
        rounds.extend(played)
        if not any(each.died for each in played):
            return rounds
    raise AssertionError(f"a worker made more than {most_commits} commits")


async def crash_at(scenario: Scenario, number: int, *, applied: bool) -> Round:
    """One round: the first worker dies at its commit ``number``."""
    clock = VirtualClock()
    store = MemoryStore(clock)
    ids = SeededIds(number)
    task_id = await scenario.admit(store, clock, ids)
    ports = scenario.ports(store, clock)
    mortal = MortalStore(store, dies_at=number, applied=applied)
    first = TaskEngine(mortal, clock, ids, scenario.workflows, ports, worker_id="first")
    running = asyncio.create_task(first.run())
    try:
        await clock.run_until(_first(mortal.died.wait(), ended(store, task_id)))
        died = mortal.died.is_set()
        await _stop(running)
        second = TaskEngine(store, clock, ids, scenario.workflows, ports, worker_id="second")
        running = asyncio.create_task(second.run())
        await clock.run_until(ended(store, task_id))
        task = await read_task(store, task_id)
        await scenario.check(store, task, ports)
        return Round(dies_at=number, applied=applied, died=died, task=task)
    finally:
        await _stop(running)
        await store.close()


async def ended(store: CloudStore, task_id: str) -> None:
    """Wait until the task's open key is gone, which is when it has ended."""
    revision = await store.revision()
    events = store.watch(open_key(task_id), revision)
    if await store.get(open_key(task_id)) is None:
        return
    async for event in events:
        if event.value is None:
            return


async def read_task(store: CloudStore, task_id: str) -> Task:
    """The task's document, which must exist."""
    document = await store.get(task_key(task_id))
    assert document is not None, f"task {task_id} is gone"
    return decode(Task, document)


async def _first(*waits: Awaitable[Any]) -> None:
    futures = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _stop(*futures)


async def _stop(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
