"""Random faults, many tasks, few workers: whatever happens, every task ends and nothing leaks."""

from __future__ import annotations

import contextlib
import random

import msgspec
import pytest

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.tasks import actions
from heliostat.tasks.indexes import ACTION_PREFIX, OPEN_PREFIX
from heliostat.tasks.model import TaskState, Undo
from heliostat.testing.faulty import FaultyStore
from heliostat.testing.things import QUOTA, RESERVED, thing_key
from heliostat.testing.workers import Workers

TASKS = 12
ROUNDS = 60


def busy() -> BaseException:
    return TemporaryError("AgentUnavailable", "The agent does not answer.")


def refused() -> BaseException:
    return PermanentError("NoSuchResource", "No host fits.")


class Chaos:
    """Plays random faults from a seed; the same seed plays the same ones."""

    def __init__(self, workers: Workers, seed: int) -> None:
        self._random = random.Random(seed)
        self._workers = workers
        self._views: dict[str, FaultyStore] = {}
        self._born = 0
        self.tasks: list[str] = []

    async def play(self) -> None:
        moves = [self.admit, self.start, self.stop, self.cut, self.heal, self.lose, self.fault]
        for _ in range(ROUNDS):
            await self._random.choice([*moves, self.ask, self.wait, self.wait])()
        while len(self.tasks) < TASKS:
            await self.admit()

    async def calm(self) -> None:
        """No more faults: one healthy worker is left to end everything."""
        for worker_id in list(self._views):
            await self._workers.stop(worker_id)
        self._workers.world.faults.clear()
        await self._workers.start("calm")

    async def admit(self) -> None:
        if len(self.tasks) < TASKS:
            self.tasks.append(await self._workers.admit())

    async def start(self) -> None:
        if len(self._views) < 3:
            self._born += 1
            name = f"w{self._born}"
            self._views[name] = FaultyStore(self._workers.store)
            await self._workers.start(name, store=self._views[name], concurrency=3)

    async def stop(self) -> None:
        if self._views:
            name = self._random.choice(sorted(self._views))
            del self._views[name]
            await self._workers.stop(name)

    async def cut(self) -> None:
        for view in self._some_view():
            view.cut = True

    async def heal(self) -> None:
        for view in self._views.values():
            view.cut = False

    async def lose(self) -> None:
        for view in self._some_view():
            view.answers_to_lose = self._random.randint(1, 3)

    async def fault(self) -> None:
        step = self._random.choice(["reserve", "start", "start", "undo reserve", "undo start"])
        kind = busy if step.startswith("undo") else self._random.choice([busy, busy, refused])
        self._workers.world.faults.setdefault(step, []).append(kind)

    async def ask(self) -> None:
        if not self.tasks:
            return
        task_id, action = self._random.choice(self.tasks), self._random.choice(["retry", "undo"])
        with contextlib.suppress(PermanentError):  # refused: it has ended, or is not stalled
            await actions.request(self._workers.store, task_id, action)

    async def wait(self) -> None:
        await self._workers.clock.advance(self._random.choice([0.0, 0.5, 3.0, 12.0]))

    def _some_view(self) -> list[FaultyStore]:
        return [self._views[self._random.choice(sorted(self._views))]] if self._views else []


async def check(workers: Workers, tasks: list[str]) -> None:
    """The store and the world hold exactly what the tasks made, or could not take back."""
    made, stuck = set(), set()
    for task_id in tasks:
        task = await workers.task(task_id)
        thing = await workers.store.get(thing_key(task.entity_id))
        if task.state is TaskState.COMPLETED:
            made.add(task.entity_id)
            assert thing is not None
            assert thing.value == b"READY"
        elif any(step.undo is Undo.FAILED for step in task.steps):
            stuck.add(task.entity_id)
            assert thing is not None
            assert thing.value == b"ERROR"
        else:
            assert task.state is TaskState.ERROR
            assert thing is None
    quota, reserved = await workers.store.get(QUOTA), await workers.store.get(RESERVED)
    assert quota is not None
    assert int(quota.value) == len(made | stuck)
    held = set(msgspec.json.decode(reserved.value) if reserved else [])
    assert made <= held <= made | stuck
    assert made <= workers.world.running <= made | stuck
    for prefix in (OPEN_PREFIX, ACTION_PREFIX):
        assert (await workers.store.list(prefix)).items == ()


@pytest.mark.parametrize("seed", range(40))
async def test_every_task_ends_and_nothing_leaks(seed: int) -> None:
    async with Workers(seed=seed) as workers:
        chaos = Chaos(workers, seed)
        await chaos.play()
        await chaos.calm()
        for task_id in chaos.tasks:
            await workers.finished(task_id)
        await check(workers, chaos.tasks)
        for task_id in chaos.tasks:
            errors = [e for step in (await workers.task(task_id)).steps for e in step.errors]
            assert not [each for each in errors if each.code == "InternalError"]
