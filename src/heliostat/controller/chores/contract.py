"""What a chore is.

A chore is looked into at a regular interval by whichever controller is first
(:mod:`rota`).  Looking reads and changes nothing; what it finds are sentences.
Only if there is something to do is a task admitted, and the task's worker does
it: so background work is owned by one worker at a time, survives a crash like
any other task, and shows who did what and why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.controller.workflows.admission import Ports
from heliostat.tasks.model import StepDefinition, StepFunction, Workflow

EXPECTED_S = 600.0

Find = Callable[[Ports], Awaitable[Sequence[str]]]
Period = Callable[[Ports], float]


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of background work.

    ``find`` tells what there is to do now, a sentence each (none: nothing); the
    steps of ``workflow`` do it, idempotently, and look for themselves: what was
    found may have changed.  ``period_s`` is the time between two looks.
    """

    name: str
    purpose: str
    workflow: Workflow
    period_s: Period
    find: Find


def chore(
    name: str, purpose: str, operation: str, period_s: Period, find: Find, work: StepFunction
) -> Chore:
    """A chore whose work is one step."""
    step = StepDefinition(operation, work, expected_s=EXPECTED_S)
    return Chore(name, purpose, Workflow(operation, (step,)), period_s, find)


class ChoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """When a chore was last looked into, what was found, and its last task.

    ``found`` counts, ``findings`` quotes the first few; ``fault`` is why looking failed.
    """

    name: str
    looked_ms: int
    found: int = 0
    findings: tuple[str, ...] = ()
    fault: str = ""
    task_id: str = ""
    schema: int = 1


RECORDS: Kind[ChoreRecord] = Kind("chore", ChoreRecord, identify=lambda record: record.name)
