"""Stalls, their reasons, and what users may do about them."""

from __future__ import annotations

import asyncio

import pytest

from heliostat.cloudstore.contract import Put
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.tasks import actions
from heliostat.tasks.durations import FLUSH_S, duration_key
from heliostat.tasks.indexes import action_key
from heliostat.tasks.model import Task, TaskState, Undo, task_key
from heliostat.testing.things import QUOTA, thing_key
from heliostat.testing.workers import Workers


def busy() -> BaseException:
    return TemporaryError("AgentUnavailable", "The agent does not answer.")


def no_host() -> BaseException:
    return PermanentError("NoSuchResource", "No host fits.")


async def ask(workers: Workers, task_id: str, action: str) -> None:
    await actions.request(workers.store, task_id, action, requested_by="ada@example")
    await workers.clock.settle()


async def stalled_at(workers: Workers, name: str) -> Task:
    """A task that hangs at the gate of a step and counts as stalled."""
    workers.world.gates[name] = asyncio.Event()
    await workers.start("one")
    task_id = await workers.admit()
    await workers.clock.advance(31)
    return await workers.task(task_id)


async def test_a_step_is_stalled_once_it_takes_longer_than_expected() -> None:
    async with Workers() as workers:
        workers.world.gates["start"] = gate = asyncio.Event()
        await workers.start("one")
        task_id = await workers.admit()
        await workers.clock.advance(29)
        assert (await workers.task(task_id)).stalled is None
        due_ms = workers.clock.now_ms() + 1000
        await workers.clock.advance(2)
        task = await workers.task(task_id)
        assert task.state is TaskState.STARTED
        assert task.stalled is not None
        assert task.stalled.since_ms == due_ms
        assert task.stalled.reason == (
            "Waiting for the gate of start; this has taken longer than the 30 s expected."
        )
        assert task.stalled.actions == ("retry", "skip", "undo")
        gate.set()
        task = await workers.finished(task_id)
        assert (task.state, task.stalled) == (TaskState.COMPLETED, None)


async def test_a_long_stall_is_written_once_and_not_again() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "start")
        versions = len(await workers.store.history(task_key(task.id)))
        await workers.clock.advance(600)
        assert len(await workers.store.history(task_key(task.id))) == versions


async def test_a_task_that_backs_off_says_so() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [busy]
        await workers.start("one")
        task_id = await workers.admit()
        task = await workers.task(task_id)
        assert task.stalled is not None
        assert task.stalled.reason.startswith(
            "The agent does not answer (AgentUnavailable); try 2 of 4 to run START follows in 1."
        )
        task = await workers.finished(task_id)
        assert task.stalled is None


async def test_retry_ends_a_backoff_at_once() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [
            lambda: TemporaryError("AgentUnavailable", "Away.", retry_after_s=50.0)
        ]
        await workers.start("one")
        task_id = await workers.admit()
        began_s = workers.clock.monotonic_s()
        await ask(workers, task_id, "retry")
        task = await workers.finished(task_id)
        assert task.state is TaskState.COMPLETED
        assert workers.clock.monotonic_s() == began_s
        notes = [note.reason for note in task.steps[2].explanations]
        assert notes[-1] == "ada@example asked to retry START."
        assert await workers.store.get(action_key(task_id)) is None


async def test_retry_runs_a_hanging_step_again() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "start")
        del workers.world.gates["start"]
        await ask(workers, task.id, "retry")
        task = await workers.finished(task.id)
        assert task.state is TaskState.COMPLETED
        assert workers.world.calls["start"] == 2
        assert task.steps[2].attempt == 1


async def test_skip_goes_on_without_the_step_and_warns() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "start")
        await ask(workers, task.id, "skip")
        task = await workers.finished(task.id)
        assert task.state is TaskState.COMPLETED
        assert [warning.code for warning in task.steps[2].warnings] == ["StepSkipped"]


async def test_undo_stops_the_task_and_takes_everything_back() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "start")
        await ask(workers, task.id, "undo")
        task = await workers.finished(task.id)
        assert task.state is TaskState.ERROR
        assert task.steps[2].errors[0].code == "TaskUndone"
        assert [step.undo for step in task.steps] == [Undo.DONE] * 3
        assert await workers.store.get(thing_key(task.entity_id)) is None


async def test_a_task_can_be_cancelled_while_it_runs_well_and_before_any_worker_has_it() -> None:
    async with Workers() as workers:
        workers.world.gates["reserve"] = asyncio.Event()
        before = await workers.admit()
        await ask(workers, before, "undo")
        await workers.start("one")
        task = await workers.finished(before)
        assert task.steps[0].errors[0].code == "TaskUndone"
        running = await workers.admit()
        await ask(workers, running, "undo")
        task = await workers.finished(running)
        assert [step.state for step in task.steps] == [
            TaskState.COMPLETED,
            TaskState.ERROR,
            TaskState.QUEUED,
        ]
        quota = await workers.store.get(QUOTA)
        assert quota is not None
        assert quota.value == b"0"


async def test_an_action_is_obeyed_by_the_worker_that_takes_over() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "start")
        await workers.stop("one")
        await ask(workers, task.id, "undo")
        await workers.start("two")
        task = await workers.finished(task.id)
        assert task.worker == "two"
        assert task.steps[2].errors[0].code == "TaskUndone"


async def test_while_undoing_only_retry_is_possible() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [no_host]
        task = await stalled_at(workers, "undo reserve")
        assert task.stalled is not None
        assert task.stalled.actions == ("retry",)
        for action in ("skip", "undo"):
            with pytest.raises(PermanentError) as caught:
                await ask(workers, task.id, action)
            assert caught.value.code == "InvalidOperation"
            assert caught.value.data["actions"] == ["retry"]
        del workers.world.gates["undo reserve"]
        await ask(workers, task.id, "retry")
        task = await workers.finished(task.id)
        assert [step.undo for step in task.steps] == [Undo.DONE] * 3


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("retry", "The task is not stalled; retry is for a stalled task."),
        ("skip", "The task is not stalled; skip is for a stalled task."),
        ("dance", "There is no action 'dance'; a task knows retry, skip, undo."),
    ],
)
async def test_what_a_running_task_refuses(action: str, why: str) -> None:
    async with Workers() as workers:
        workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        task_id = await workers.admit()
        with pytest.raises(PermanentError) as caught:
            await ask(workers, task_id, action)
        assert (caught.value.code, caught.value.message) == ("InvalidOperation", why)
        assert await workers.store.get(action_key(task_id)) is None


async def test_skip_is_refused_for_a_step_that_must_not_be_skipped() -> None:
    async with Workers() as workers:
        task = await stalled_at(workers, "reserve")
        assert task.stalled is not None
        assert task.stalled.actions == ("retry", "undo")
        with pytest.raises(PermanentError, match="The step RESERVE can't be skipped"):
            await ask(workers, task.id, "skip")


async def test_a_finished_or_unknown_task_refuses_every_action() -> None:
    async with Workers() as workers:
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        with pytest.raises(PermanentError, match="has ended in COMPLETED"):
            await ask(workers, task.id, "undo")
        with pytest.raises(PermanentError) as caught:
            await ask(workers, "nothing", "undo")
        assert caught.value.code == "TaskNotFound"


async def test_a_request_that_the_task_has_overtaken_does_not_disturb_it() -> None:
    """Retry was asked for the first step; by the time a worker sees it the second one runs."""
    async with Workers() as workers:
        task = await stalled_at(workers, "admitted")
        await workers.stop("one")
        await ask(workers, task.id, "retry")
        asked = await workers.store.get(action_key(task.id))
        assert asked is not None
        await workers.start("two")
        workers.world.gates.pop("admitted").set()
        gate = workers.world.gates["start"] = asyncio.Event()
        await workers.clock.settle()
        await workers.store.commit([], [Put(asked.key, asked.value)])
        await workers.clock.settle()
        assert await workers.store.get(asked.key) is None
        assert workers.world.calls["start"] == 1
        gate.set()
        assert (await workers.finished(task.id)).state is TaskState.COMPLETED


async def test_a_document_of_a_newer_version_ends_no_worker() -> None:
    async with Workers() as workers:
        await workers.start("one")
        task_id = await workers.admit()
        operation = (await workers.finished(task_id)).operation
        newer = b'{"operation":"X","task_id":"t","action":"pause","schema":9}'
        for key in (action_key("t"), duration_key(operation)):
            await workers.store.commit([], [Put(key, newer)])
        await workers.clock.advance(2 * FLUSH_S)
        task = await workers.finished(await workers.admit())
        assert task.state is TaskState.COMPLETED  # stopping the worker raises what it died of
