"""The pure state machine: whatever happens, a task moves on and ends rightly."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.tasks.model import Done, Problem, Step, Task, TaskState, Undo
from heliostat.tasks.outcome import achieved, delayed, failed
from heliostat.tasks.progress import (
    EXPLANATIONS_KEPT,
    BecomeStuck,
    Finish,
    RunStep,
    UndoStep,
    enter,
    finish,
    next_move,
)
from heliostat.tasks.retry import backoff_s, conflict_pause_s

NOW_MS = 1_000_000


def made(undoable: list[bool]) -> Task:
    steps = [
        Step(operation=f"S{index}", sequence=index, undoable=each)
        for index, each in enumerate(undoable)
    ]
    return Task(id="t", operation="OP", entity_kind="vm", entity_id="v", queued_ms=1, steps=steps)


outcomes = st.lists(st.sampled_from(["done", "done", "busy", "fail"]), max_size=40)


def play(task: Task, story: list[str]) -> list[tuple[str, int]]:
    """Run the task with these outcomes (then only good ones); what was tried, in order."""
    tried: list[tuple[str, int]] = []
    script = iter(story)
    enter(task, NOW_MS)
    while not task.state.is_final:
        task = msgspec.json.decode(msgspec.json.encode(task), type=Task)  # as after a takeover
        move = next_move(task)
        if isinstance(move, BecomeStuck):
            finish(task, TaskState.ERROR, NOW_MS)
            tried.append(("stuck", move.index))
            break
        assert isinstance(move, RunStep | UndoStep)
        tried.append(("run" if isinstance(move, RunStep) else "undo", move.index))
        match next(script, "done"):
            case "done":
                achieved(task, move, Done(), NOW_MS)
            case "busy":
                delayed(task, move, TemporaryError("AgentUnavailable", "Away."), 3, NOW_MS)
            case _:
                failed(task, move, Problem(code="AgentError", message="No."), NOW_MS)
        enter(task, NOW_MS)
    check_end(task, tried)
    return tried


def check_end(task: Task, tried: list[tuple[str, int]]) -> None:
    runs = [index for what, index in tried if what == "run"]
    undos = [index for what, index in tried if what == "undo"]
    assert runs == sorted(runs)
    assert undos == sorted(undos, reverse=True)
    assert task.end_ms == NOW_MS
    assert task.stalled is None
    if task.state is TaskState.COMPLETED:
        assert all(step.state is TaskState.COMPLETED for step in task.steps)
        assert not undos
        return
    broken = [step for step in task.steps if step.state is TaskState.ERROR]
    assert len(broken) == 1
    assert broken[0].errors
    after = task.steps[broken[0].sequence + 1 :]
    assert all(step.state is TaskState.QUEUED and step.undo is Undo.NONE for step in after)
    if ("stuck", undos[-1] if undos else -1) not in tried:
        begun = task.steps[: broken[0].sequence + 1]
        assert all(step.undo is (Undo.DONE if step.undoable else Undo.NONE) for step in begun)


@given(st.lists(st.booleans(), max_size=6), outcomes)
def test_every_story_ends_and_ends_rightly(undoable: list[bool], story: list[str]) -> None:
    play(made(undoable), story)


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_without_faults_every_step_runs_once(undoable: list[bool]) -> None:
    assert play(made(undoable), []) == [("run", index) for index in range(len(undoable))]


def test_deciding_does_not_change_the_task() -> None:
    task = made([True, False])
    before = msgspec.json.encode(task)
    assert next_move(task) == RunStep(0)
    assert msgspec.json.encode(task) == before
    assert next_move(made([])) == Finish(TaskState.COMPLETED)


def test_undo_stops_at_the_first_that_cannot_finish() -> None:
    task = made([True, True, True])
    tried = play(task, ["done", "done", "fail", "done", "fail"])
    assert tried[3:] == [("undo", 2), ("undo", 1), ("stuck", 1)]


def test_explanations_are_bounded() -> None:
    task = made([True])
    enter(task, NOW_MS)
    for _ in range(EXPLANATIONS_KEPT + 20):
        delayed(task, RunStep(0), TemporaryError("AgentUnavailable", "Away."), 10**6, NOW_MS)
    assert len(task.steps[0].explanations) == EXPLANATIONS_KEPT
    assert task.steps[0].explanations[-1].data["code"] == "AgentUnavailable"


@given(st.text(), st.integers(1, 10_000), st.floats(0.001, 500))
def test_backoff_grows_up_to_a_cap_and_is_never_earlier_than_asked(
    seed: str, attempt: int, retry_after_s: float
) -> None:
    delay_s = backoff_s(seed, attempt, retry_after_s)
    assert retry_after_s <= delay_s <= max(60.0, retry_after_s) * 1.25
    assert delay_s == backoff_s(seed, attempt, retry_after_s)


@given(st.text(), st.integers(1, 10_000))
def test_conflicts_pause_shortly(seed: str, conflicts: int) -> None:
    assert 0 <= conflict_pause_s(seed, conflicts) < 0.5
    assert conflict_pause_s(seed, 1) == 0


def test_a_failure_at_the_last_try_keeps_the_error_for_the_user() -> None:
    task = made([False])
    enter(task, NOW_MS)
    error = TemporaryError("AgentUnavailable", "Away.")
    delayed(task, RunStep(0), error, 1, NOW_MS)
    assert isinstance(error, HeliostatError)
    assert task.steps[0].errors == [Problem.of(error)]
    assert task.undoing
