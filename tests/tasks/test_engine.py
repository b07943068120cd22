"""Running, retrying and undoing tasks."""

from __future__ import annotations

import asyncio
import logging

import pytest

from heliostat.cloudstore.contract import Absent, GuardFailed, StoreUnavailable
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.tasks.durations import FLUSH_S, load
from heliostat.tasks.indexes import entity_prefix, project_prefix, tenant_prefix
from heliostat.tasks.model import (
    Done,
    StepContext,
    StepDefinition,
    TaskState,
    Undo,
    Workflow,
    open_key,
    task_key,
)
from heliostat.tasks.retry import CONFLICTS_ALLOWED
from heliostat.testing.faulty import FaultyStore
from heliostat.testing.things import QUOTA, thing_key
from heliostat.testing.workers import Workers

NEVER = Absent(QUOTA)
"""A guard that never holds once a thing was admitted."""


def busy() -> BaseException:
    return TemporaryError("AgentUnavailable", "The agent does not answer.")


async def test_a_task_runs_its_steps_in_order_and_ends_in_n_plus_one_commits() -> None:
    async with Workers() as workers:
        seen = FaultyStore(workers.store)
        await workers.start("one", store=seen)
        task_id = await workers.admit()
        task = await workers.finished(task_id)
        assert task.state is TaskState.COMPLETED
        assert task.worker == "one"
        assert list(workers.world.calls) == ["admitted", "reserve", "start"]
        assert task.steps[1].result == {"host": "host"}
        assert task.steps[1].explanations[0].data == {"seen": 0}
        assert seen.commits == 3 + 1 + 1  # one of the steps commits once by itself


async def test_every_transition_is_persisted() -> None:
    async with Workers() as workers:
        await workers.start("one")
        task_id = await workers.admit()
        await workers.finished(task_id)
        states = []
        for version in await workers.store.history(task_key(task_id)):
            assert version.value is not None
            states.append(version.value.count(b'"state":"COMPLETED"'))
        assert states == [0, 0, 1, 2, 4]  # admitted, claimed, and the ends of the three steps


async def test_a_finished_task_is_found_by_what_it_belongs_to() -> None:
    async with Workers() as workers:
        await workers.start("one")
        task_id = await workers.admit()
        task = await workers.finished(task_id)
        assert await workers.store.get(open_key(task_id)) is None
        prefixes = entity_prefix("thing", task.entity_id), project_prefix("p1"), tenant_prefix("t1")
        for prefix in prefixes:
            page = await workers.store.list(prefix)
            assert [item.key for item in page.items] == [prefix + task_id]


async def test_temporary_errors_are_retried_with_growing_pauses() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [busy, busy, busy]
        await workers.start("one")
        began_s = workers.clock.monotonic_s()
        task = await workers.finished(await workers.admit())
        took_s = workers.clock.monotonic_s() - began_s
        step = task.steps[2]
        assert (task.state, step.state, step.attempt) == (
            TaskState.COMPLETED,
            TaskState.COMPLETED,
            4,
        )
        assert 1 + 2 + 4 <= took_s <= (1 + 2 + 4) * 1.25
        assert [note.decision for note in step.explanations] == ["retry"] * 3
        assert not step.errors


async def test_a_step_that_stays_busy_fails_after_its_attempts_and_is_undone() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [busy] * 99
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert task.state is TaskState.ERROR
        assert workers.world.calls["start"] == task.steps[2].attempt == 4
        assert [problem.code for problem in task.steps[2].errors] == ["AgentUnavailable"]
        assert await workers.store.get(thing_key(task.entity_id)) is None


async def test_a_failure_undoes_what_was_started_last_first_and_leaves_the_rest_queued() -> None:
    async with Workers() as workers:
        workers.world.faults["reserve"] = [
            lambda: PermanentError("NoSuchResource", "No host fits.", data={"hosts": 3})
        ]
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert [step.state for step in task.steps] == [
            TaskState.COMPLETED,
            TaskState.ERROR,
            TaskState.QUEUED,
        ]
        assert [step.undo for step in task.steps] == [Undo.DONE, Undo.DONE, Undo.NONE]
        assert list(workers.world.calls) == [
            "admitted",
            "reserve",
            "undo reserve",
            "undo admitted",
        ]
        problem = task.steps[1].errors[0]
        assert (problem.code, problem.data) == ("NoSuchResource", {"hosts": 3})
        assert problem.hint
        quota = await workers.store.get(QUOTA)
        assert quota is not None
        assert quota.value == b"0"


async def test_an_unexpected_exception_is_a_logged_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [lambda: KeyError("oops")]
        await workers.start("one")
        with caplog.at_level(logging.ERROR):
            task = await workers.finished(await workers.admit())
        problem = task.steps[2].errors[0]
        assert problem.code == "InternalError"
        assert "KeyError" in problem.message
        assert problem.data == {"exception": "KeyError", "taskId": task.id}
        assert any(task.id in record.getMessage() for record in caplog.records)
        assert any(record.exc_info for record in caplog.records)


async def test_a_step_that_cancels_itself_has_failed() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [asyncio.CancelledError]
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert task.steps[2].errors[0].data["exception"] == "StepCancelledItselfError"


async def test_a_lost_compare_and_set_runs_the_step_again_without_using_an_attempt() -> None:
    async with Workers() as workers:
        await workers.start("one")
        tasks = [await workers.admit() for _ in range(8)]
        workers.world.faults["start"] = [lambda: GuardFailed(NEVER)] * 3
        for task_id in tasks:
            task = await workers.finished(task_id)
            assert task.state is TaskState.COMPLETED
            assert [step.attempt for step in task.steps] == [1, 1, 1]


async def test_a_step_that_always_collides_fails() -> None:
    calls = 0

    async def collide(context: StepContext) -> Done:
        nonlocal calls
        calls += 1
        return Done(guards=[NEVER], changes=[])

    workflow = Workflow(operation="COLLIDE", steps=(StepDefinition(operation="IT", run=collide),))
    async with Workers({"COLLIDE": workflow}) as workers:
        await workers.start("one")
        task = await workers.finished(await workers.admit(workflow))
        assert calls == CONFLICTS_ALLOWED + 1
        assert task.steps[0].errors[0].code == "GuardFailed"


async def test_an_undo_that_is_busy_is_retried() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [lambda: PermanentError("NoSuchResource", "No host.")]
        workers.world.faults["undo reserve"] = [busy, busy]
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert [step.undo for step in task.steps] == [Undo.DONE] * 3
        assert task.steps[1].undo_attempt == 3


async def test_an_undo_that_cannot_finish_leaves_what_remains_in_error() -> None:
    async with Workers() as workers:
        refuse = lambda: PermanentError("AgentError", "The disk is busy.")  # noqa: E731
        workers.world.faults["start"] = [refuse]
        workers.world.faults["undo start"] = [refuse]
        workers.world.faults["stuck"] = [busy]
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert task.state is TaskState.ERROR
        assert [step.undo for step in task.steps] == [Undo.NONE, Undo.NONE, Undo.FAILED]
        thing = await workers.store.get(thing_key(task.entity_id))
        assert thing is not None
        assert thing.value == b"ERROR"
        assert workers.world.calls["stuck"] == 2
        assert "undo admitted" not in workers.world.calls


async def test_a_task_ends_even_if_what_remains_cannot_be_recorded() -> None:
    async with Workers() as workers:
        refuse = lambda: PermanentError("AgentError", "No.")  # noqa: E731
        workers.world.faults["start"] = [refuse]
        workers.world.faults["undo start"] = [refuse]
        workers.world.faults["stuck"] = [lambda: ValueError("broken")]
        await workers.start("one")
        task = await workers.finished(await workers.admit())
        assert task.state is TaskState.ERROR
        assert task.steps[2].errors[-1].code == "InternalError"


async def test_an_unclear_answer_is_read_before_it_is_retried() -> None:
    async with Workers() as workers:
        seen = FaultyStore(workers.store)
        await workers.start("one", store=seen)
        seen.answers_to_lose = 3
        task = await workers.finished(await workers.admit())
        assert task.state is TaskState.COMPLETED
        assert seen.answers_to_lose == 0
        history = await workers.store.history(task_key(task.id))
        assert len(history) == 1 + 4  # every transition once


async def test_a_result_too_large_to_store_fails_the_step() -> None:
    async def large(context: StepContext) -> Done:
        return Done(result={"text": "x" * (2 << 20)})

    workflow = Workflow(operation="LARGE", steps=(StepDefinition(operation="IT", run=large),))
    async with Workers({"LARGE": workflow}) as workers:
        await workers.start("one")
        task = await workers.finished(await workers.admit(workflow))
        assert task.steps[0].errors[0].code == "RequestTooLarge"


async def test_huge_problems_and_explanations_do_not_keep_a_task_from_ending() -> None:
    async def talk(context: StepContext) -> Done:
        for number in range(60):
            context.explain("talk", "x" * 100_000, number=number, text="x" * 100_000)
        raise PermanentError("AgentError", "x" * (2 << 20), data={"log": "x" * (2 << 20)})

    workflow = Workflow(operation="TALK", steps=(StepDefinition(operation="IT", run=talk),))
    async with Workers({"TALK": workflow}) as workers:
        await workers.start("one")
        task = await workers.finished(await workers.admit(workflow))
        assert task.steps[0].errors[0].code == "AgentError"
        assert len(task.steps[0].explanations) == 50


@pytest.mark.parametrize("where", ["explanation", "problem", "result"])
async def test_what_cannot_be_stored_does_not_keep_a_task_from_ending(where: str) -> None:
    async def careless(context: StepContext) -> Done:
        if where == "explanation":
            context.explain("careless", "It is no JSON.", it=object())
        if where == "problem":
            raise PermanentError("AgentError", "No.", data={"it": object()})
        return Done(result={"it": object()} if where == "result" else {})

    workflow = Workflow(operation="IT", steps=(StepDefinition(operation="IT", run=careless),))
    async with Workers({"IT": workflow}) as workers:
        await workers.start("one")
        task = await workers.finished(await workers.admit(workflow), limit_s=4)
        codes = [problem.code for problem in task.steps[0].errors]
        assert (
            codes
            == {"explanation": [], "problem": ["AgentError"], "result": ["InternalError"]}[where]
        )


async def test_an_operation_that_the_worker_does_not_know_is_left_alone() -> None:
    unknown = Workflow(operation="UNKNOWN", steps=())
    async with Workers() as workers:
        await workers.start("one")
        task_id = await workers.admit(unknown)
        await workers.clock.advance(60)
        assert (await workers.task(task_id)).state is TaskState.QUEUED
        assert await workers.store.get(open_key(task_id)) is not None


async def test_a_task_without_steps_completes() -> None:
    empty = Workflow(operation="EMPTY", steps=())
    async with Workers({"EMPTY": empty}) as workers:
        await workers.start("one")
        assert (await workers.finished(await workers.admit(empty))).state is TaskState.COMPLETED


async def test_tasks_beyond_the_limit_wait_and_stalled_ones_make_room() -> None:
    async with Workers() as workers:
        gate = workers.world.gates["start"] = asyncio.Event()
        await workers.start("one", concurrency=2)
        tasks = [await workers.admit() for _ in range(5)]
        assert workers.world.calls["start"] == 2
        await workers.clock.advance(31)  # both are stalled now
        assert workers.world.calls["start"] == 4
        gate.set()
        for task_id in tasks:
            assert (await workers.finished(task_id)).state is TaskState.COMPLETED


async def test_durations_are_kept_for_estimates_but_rarely_written() -> None:
    async with Workers() as workers:
        await workers.start("one")
        for _ in range(40):
            await workers.finished(await workers.admit())
        assert (await load(workers.store, "MAKE_THING")).steps == {}
        await workers.clock.advance(FLUSH_S)
        known = await load(workers.store, "MAKE_THING")
        assert {name: len(samples) for name, samples in known.steps.items()} == {
            "ADMIT": 32,
            "RESERVE": 32,
            "START": 32,
        }


async def test_a_worker_waits_out_a_store_that_does_not_answer() -> None:
    async with Workers() as workers:
        seen = FaultyStore(workers.store)
        seen.cut = True
        await workers.start("one", store=seen)
        task_id = await workers.admit()
        await workers.clock.advance(30)
        with pytest.raises(StoreUnavailable):
            await seen.get(task_key(task_id))
        seen.cut = False
        assert (await workers.finished(task_id)).state is TaskState.COMPLETED
