"""What tasks tell about themselves, and plans."""

from __future__ import annotations

import asyncio

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import SeededIds
from heliostat.tasks.admit import changes_for, completed_task, new_task
from heliostat.tasks.durations import SAMPLES_KEPT, StepDurations, merge
from heliostat.tasks.explain import explain
from heliostat.tasks.model import Problem, Undo
from heliostat.tasks.plan import estimate, plan, quantile
from heliostat.testing.clock import VirtualClock
from heliostat.testing.things import MAKE_THING
from heliostat.testing.workers import Workers


async def test_a_completed_task_tells_what_it_decided() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [
            lambda: TemporaryError("AgentUnavailable", "The agent does not answer.")
        ]
        await workers.start("one")
        told = explain(await workers.finished(await workers.admit()))
        took_s = told.steps[2].duration_ms / 1000
        assert told.summary == (
            f"MAKE_THING of thing {told.entity_id} completed in {took_s:.1f} s."
        )
        assert told.steps[1].decisions[0].reason == "host chosen; 0 things there"
        assert told.steps[2].attempts == 2
        assert "AgentUnavailable: The agent does not answer.; try 2" in (
            told.steps[2].decisions[0].reason
        )
        assert told.next_actions == ()


async def test_a_failed_task_tells_why_and_what_to_do() -> None:
    async with Workers() as workers:
        workers.world.faults["reserve"] = [
            lambda: PermanentError("NoSuchResource", "No host fits.", hint="Add a host.")
        ]
        await workers.start("one")
        told = explain(await workers.finished(await workers.admit()))
        assert told.summary.endswith(
            "RESERVE ended with NoSuchResource, No host fits; its effects were undone (2 steps)."
        )
        assert told.steps[1].summary.startswith("RESERVE failed after ")
        assert told.steps[1].summary.endswith(": No host fits; it was undone.")
        assert told.steps[2].summary == "START was not begun."
        assert told.next_actions == ("Add a host.",)


async def test_a_stuck_task_tells_what_remains() -> None:
    async with Workers() as workers:
        workers.world.faults["start"] = [lambda: PermanentError("AgentError", "No.", hint="")]
        workers.world.faults["undo start"] = [lambda: PermanentError("AgentError", "No.", hint="")]
        await workers.start("one")
        told = explain(await workers.finished(await workers.admit()))
        assert told.summary.endswith("START could not be undone, what remains is in ERROR.")
        assert told.steps[2].undo is Undo.FAILED
        assert told.next_actions == (
            f"Delete the thing {told.entity_id}: that finishes the undoing.",
        )


async def test_a_task_under_way_tells_where_it_is() -> None:
    async with Workers() as workers:
        task_id = await workers.admit()
        waiting = explain(await workers.task(task_id))
        assert waiting.summary.endswith("waits for a worker.")
        assert waiting.next_actions == ("undo",)
        workers.world.gates["start"] = asyncio.Event()
        await workers.start("one")
        told = explain(await workers.task(task_id))
        assert told.summary.endswith("is at START, step 3 of 3.")
        assert told.steps[2].summary == "START is under way, try 1."
        await workers.clock.advance(31)
        told = explain(await workers.task(task_id))
        assert "stalled: Waiting for the gate of start" in told.summary
        assert told.next_actions == ("retry", "skip", "undo")


def test_a_plan_is_made_of_the_task_that_would_be_committed() -> None:
    clock, ids = VirtualClock(), SeededIds(1)
    task = new_task(ids, clock, MAKE_THING, entity_kind="thing", entity_id="x")
    task.steps[0].warnings = [Problem(code="InvalidFlavor", message="Old flavor.")]
    known = StepDurations(
        operation="MAKE_THING",
        steps={"ADMIT": [10] * 10, "RESERVE": [20, 40, 60], "START": [1000] * 9 + [9000]},
    )
    made = plan(task, known)
    assert [(step.operation, step.seconds, step.samples) for step in made.steps] == [
        ("ADMIT", 0.01, 10),
        ("RESERVE", 0.04, 3),
        ("START", 1.0, 10),
    ]
    assert [warning.message for warning in made.warnings] == ["Old flavor."]
    assert made.estimate is not None
    assert made.estimate.seconds == 1.05
    assert made.estimate.seldom_above_s == 9.07
    assert made.estimate.basis == "The last 3 or more runs of 3 of 3 steps."


def test_estimates_say_what_they_do_not_know() -> None:
    clock, ids = VirtualClock(), SeededIds(1)
    task = new_task(ids, clock, MAKE_THING, entity_kind="thing", entity_id="x")
    assert estimate(task, StepDurations(operation="MAKE_THING")) is None
    partly = estimate(task, StepDurations(operation="MAKE_THING", steps={"START": [500]}))
    assert partly is not None
    assert partly.basis.endswith("1 of 3 steps; 2 never ran here.")
    done = completed_task(ids, clock, "CREATE_TENANT", entity_kind="tenant", entity_id="t")
    at_once = estimate(done, StepDurations(operation="CREATE_TENANT"))
    assert at_once is not None
    assert at_once.seconds == 0.0


def test_quantiles_and_merging() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([3, 1, 2], 0.5) == 2.0
    assert quantile([1], 0.9) == 1.0
    merged = merge(StepDurations(operation="X", steps={"A": list(range(30))}), {"A": [99] * 10})
    assert len(merged.steps["A"]) == SAMPLES_KEPT
    assert merged.steps["A"][-1] == 99


def test_a_completed_task_is_admitted_without_being_open() -> None:
    task = completed_task(
        SeededIds(1),
        VirtualClock(),
        "CREATE_TENANT",
        entity_kind="tenant",
        entity_id="t",
        tenant_id="t",
        warnings=[Problem(code="NameTaken", message="Nearly.")],
    )
    assert [change.key for change in changes_for(task)] == [
        f"/v1/task/{task.id}",
        f"/idx/task/entity/tenant:t/{task.id}",
        f"/idx/task/tenant/t/{task.id}",
        f"/idx/task/state/COMPLETED/{task.id}",
    ]
    assert task.steps[0].warnings[0].code == "NameTaken"
    assert "with 1 warning" in explain(task).summary
