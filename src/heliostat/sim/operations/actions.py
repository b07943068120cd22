"""What operators do to tasks, and to background work."""

from __future__ import annotations

from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.workflows import task
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.sim.operations.asking import Ask, Known, Operation, ask


def retry_task(known: Known) -> Ask:
    return ask(task.task_retry, known.recent("task", 5))


def skip_task(known: Known) -> Ask:
    return ask(task.task_skip, known.recent("task", 5))


def undo_task(known: Known) -> Ask:
    return ask(task.task_undo, known.recent("task", 5))


async def run_named(ports: Ports, caller: Caller, name: str) -> Admission:
    """Run the chore of that name."""
    return await chore_run(ports, caller, CHORES, name)


def run_chore(known: Known) -> Ask:
    return ask(run_named, known.dice.choice(sorted(CHORES)))


OPERATIONS = (
    Operation("retry-task", 2, retry_task),
    Operation("skip-task", 2, skip_task),
    Operation("undo-task", 3, undo_task),
    Operation("run-chore", 0.5, run_chore),
)
