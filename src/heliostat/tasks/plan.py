"""What an operation would do, without doing it.

``Plan`` is made of the same admission that would be committed; the estimate
comes from how long the same steps took lately (:mod:`heliostat.tasks.durations`).
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.tasks.durations import StepDurations
from heliostat.tasks.model import Problem, Task, TaskState

AT_ONCE = "It is done in its first answer."


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that would run; ``seconds`` is what it took lately (median), 0 if unknown."""

    operation: str
    sequence: int
    seconds: float = 0.0
    samples: int = 0


class PlannedQuota(msgspec.Struct, frozen=True, kw_only=True):
    """What would be charged to one quota line; no ``limit`` where the key is only tracked."""

    owner_kind: str
    owner_id: str
    key: str
    unit: str
    used: float
    asked: float
    limit: float | None = None


class PlannedPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """Where it would be placed now and why; ``ruled_out`` counts hosts by reason."""

    host_id: str
    reason: str
    address: str = ""
    considered: int = 0
    ruled_out: dict[str, int] = {}


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """How long it would take: the usual time and the time it is seldom above, and from what."""

    seconds: float
    seldom_above_s: float
    basis: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A decided operation that was not carried out; no estimate without any history."""

    operation: str
    entity_kind: str
    entity_id: str
    steps: tuple[PlannedStep, ...]
    quota: tuple[PlannedQuota, ...] = ()
    placement: PlannedPlacement | None = None
    warnings: tuple[Problem, ...] = ()
    estimate: Estimate | None = None


def plan(
    task: Task,
    durations: StepDurations,
    *,
    quota: Sequence[PlannedQuota] = (),
    placement: PlannedPlacement | None = None,
    warnings: Sequence[Problem] = (),
) -> Plan:
    """The plan of a task that was decided and not committed; its steps' warnings count too."""
    own = [warning for step in task.steps for warning in step.warnings]
    return Plan(
        operation=task.operation,
        entity_kind=task.entity_kind,
        entity_id=task.entity_id,
        steps=planned_steps(task, durations),
        quota=tuple(quota),
        placement=placement,
        warnings=(*warnings, *(each for each in own if each not in warnings)),
        estimate=estimate(task, durations),
    )


def planned_steps(task: Task, durations: StepDurations) -> tuple[PlannedStep, ...]:
    """The steps that would run, each with what it took lately."""
    return tuple(
        PlannedStep(
            operation=step.operation,
            sequence=step.sequence,
            seconds=quantile(samples, 0.5) / 1000,
            samples=len(samples),
        )
        for step in task.steps
        for samples in (durations.steps.get(step.operation, []),)
    )


def estimate(task: Task, durations: StepDurations) -> Estimate | None:
    """The sum of the steps' medians and of their 90 % quantiles, ``None`` without any history.

    The second sum is above the task's own 90 % quantile unless slow steps come
    together, so it errs on the side of caution.
    """
    if task.state is TaskState.COMPLETED:
        return Estimate(seconds=0.0, seldom_above_s=0.0, basis=AT_ONCE)
    known = [
        (step.operation, durations.steps[step.operation])
        for step in task.steps
        if durations.steps.get(step.operation)
    ]
    if not known:
        return None
    fewest = min(len(samples) for _, samples in known)
    missing = len(task.steps) - len(known)
    basis = f"The last {fewest} or more runs of {len(known)} of {len(task.steps)} steps"
    basis += f"; {missing} never ran here." if missing else "."
    return Estimate(
        seconds=round(sum(quantile(samples, 0.5) for _, samples in known) / 1000, 3),
        seldom_above_s=round(sum(quantile(samples, 0.9) for _, samples in known) / 1000, 3),
        basis=basis,
    )


def quantile(samples: Sequence[int], fraction: float) -> float:
    """The sample at ``fraction`` of the sorted samples (nearest rank), 0 without any."""
    if not samples:
        return 0.0
    ordered = sorted(samples)
    return float(ordered[min(len(ordered) - 1, int(fraction * len(ordered)))])
