"""A worker may die at any commit of a task: another one ends what it began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import SeededIds
from heliostat.tasks.indexes import OPEN_PREFIX, state_key
from heliostat.tasks.model import Task, TaskState, Undo
from heliostat.testing.clock import VirtualClock
from heliostat.testing.crash import Scenario, crash_everywhere
from heliostat.testing.things import MAKE_THING, QUOTA, RESERVED, World, admit_thing, thing_key

Fault = Callable[[], BaseException]


def always(fault: Fault) -> list[Fault]:
    return [fault] * 1000


def no_host() -> BaseException:
    return PermanentError("NoSuchResource", "No host fits.")


def flaky() -> BaseException:
    return TemporaryError("AgentUnavailable", "The agent does not answer.")


async def value(store: CloudStore, key: str) -> bytes | None:
    document = await store.get(key)
    return document.value if document else None


async def check_indexes(store: CloudStore, task: Task) -> None:
    assert (await store.list(OPEN_PREFIX)).items == ()
    assert await store.get(state_key(task.state, task.id)) is not None
    assert task.stalled is None
    assert task.end_ms >= task.started_ms >= task.queued_ms > 0


async def check_made(store: CloudStore, task: Task, world: Any) -> None:
    await check_indexes(store, task)
    assert task.state is TaskState.COMPLETED
    assert [step.state for step in task.steps] == [TaskState.COMPLETED] * 3
    assert task.resource_properties == {"thing": task.entity_id}
    assert await value(store, thing_key(task.entity_id)) == b"READY"
    assert await value(store, QUOTA) == b"1"
    assert await value(store, RESERVED) == msgspec.json.encode([task.entity_id])
    assert world.running == {task.entity_id}


async def check_gone(store: CloudStore, task: Task, world: Any) -> None:
    await check_indexes(store, task)
    assert task.state is TaskState.ERROR
    assert task.steps[2].errors[0].code == "NoSuchResource"
    assert [step.undo for step in task.steps] == [Undo.DONE] * 3
    assert await value(store, thing_key(task.entity_id)) is None
    assert await value(store, QUOTA) == b"0"
    assert await value(store, RESERVED) == b"[]"
    assert world.running == set()


async def check_remains(store: CloudStore, task: Task, world: Any) -> None:
    await check_indexes(store, task)
    assert task.state is TaskState.ERROR
    assert [step.undo for step in task.steps] == [Undo.NONE, Undo.FAILED, Undo.DONE]
    assert task.steps[1].errors[-1].data["during"] == "undo"
    assert await value(store, thing_key(task.entity_id)) == b"ERROR"
    assert await value(store, QUOTA) == b"1"
    assert await value(store, RESERVED) == msgspec.json.encode([task.entity_id])


async def admit(store: CloudStore, clock: VirtualClock, ids: SeededIds) -> str:
    return await admit_thing(store, clock, ids)


def scenario(check: Any, **faults: list[Fault]) -> Scenario:
    named = {name.replace("_", " "): waiting for name, waiting in faults.items()}

    def world(store: CloudStore, clock: VirtualClock) -> World:
        return World(faults={name: list(waiting) for name, waiting in named.items()})

    return Scenario({"MAKE_THING": MAKE_THING}, admit, check, world)


SCENARIOS = {
    "made": scenario(check_made),
    "made after retries": scenario(check_made, start=[flaky, flaky]),
    "undone": scenario(check_gone, start=always(no_host)),
    "undone after retries": scenario(check_gone, start=always(no_host), undo_start=[flaky]),
    "stuck": scenario(check_remains, start=always(no_host), undo_reserve=always(no_host)),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_task_survives_the_death_of_its_worker_at_every_commit(name: str) -> None:
    rounds = await crash_everywhere(SCENARIOS[name])
    assert sum(each.died for each in rounds) >= 8
    assert [each.died for each in rounds[-2:]] == [False, False]


async def test_a_crash_does_not_use_up_attempts() -> None:
    rounds = await crash_everywhere(SCENARIOS["made"])
    assert {step.attempt for each in rounds for step in each.task.steps} == {1}


async def test_every_round_is_the_same_when_played_again() -> None:
    first = await crash_everywhere(SCENARIOS["undone after retries"])
    again = await crash_everywhere(SCENARIOS["undone after retries"])
    assert first == again


async def test_the_check_sees_a_broken_workflow() -> None:
    """The harness must be able to fail: a check that can't hold makes it raise."""

    async def impossible(store: CloudStore, task: Task, world: Any) -> None:
        assert isinstance(store, MemoryStore)
        assert task.state is TaskState.ERROR

    with pytest.raises(AssertionError):
        await crash_everywhere(scenario(impossible))
