"""Waiting for tasks, on a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from heliostat.client.waiting import Patience, TaskFailed, wait
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.wire.tasks import Task


def task(state: str, **extra: Any) -> Task:
    return msgspec.convert(answers.task(state, **extra), Task)


@dataclass
class Time:
    now_s: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def patience(self, timeout_s: float | None = None) -> Patience:
        return Patience(timeout_s, self.sleep, lambda: self.now_s)


def test_pauses_grow_from_a_tenth_to_a_second() -> None:
    time, readings, moments = Time(), [task("STARTED")] * 12 + [task("COMPLETED")], list[float]()

    def read(task_id: str) -> Task:
        moments.append(time.now_s)
        return readings.pop(0)

    done = wait(read, task("QUEUED"), patience=time.patience())
    assert done.state == "COMPLETED"
    gaps = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
    assert gaps[0] == pytest.approx(0.1)
    assert gaps[-1] == pytest.approx(1.0)
    assert gaps == sorted(gaps)


def test_every_reading_is_told() -> None:
    told: list[str] = []
    readings = [task("STARTED"), task("COMPLETED")]
    wait(
        lambda _id: readings.pop(0),
        task("QUEUED"),
        watcher=lambda each: told.append(each.state),
        patience=Time().patience(),
    )
    assert told == ["QUEUED", "STARTED", "COMPLETED"]


def test_a_failed_task_raises_what_its_step_says() -> None:
    failed = answers.step("RESERVE_RESOURCE", "ERROR", answers.problem("NoSuchResource", "None."))
    with pytest.raises(TaskFailed) as caught:
        wait(lambda _id: task("ERROR"), task("ERROR", steps=[failed]))
    error = caught.value
    assert error.code == "NoSuchResource"
    assert error.message == "START_VM failed: None."
    assert f"helio task explain {answers.TASK}" in error.hint
    assert error.data["taskId"] == answers.TASK


def test_a_failed_task_without_reason_still_has_a_code() -> None:
    with pytest.raises(TaskFailed) as caught:
        wait(lambda _id: task("ERROR"), task("ERROR", steps=[]))
    assert caught.value.code == "StepFailed"


def test_patience_ends_with_the_reason_of_the_stall() -> None:
    stalled = {"since": 1, "reason": "The agent is away.", "actions": ["retry"]}
    time = Time()
    with pytest.raises(HeliostatError, match="The agent is away") as caught:
        wait(
            lambda _id: task("STARTED", stalled=stalled),
            task("STARTED"),
            patience=time.patience(timeout_s=5),
        )
    assert caught.value.code == "TimedOut"
    assert f"helio task watch {answers.TASK}" in caught.value.hint
    assert time.now_s == pytest.approx(5)
