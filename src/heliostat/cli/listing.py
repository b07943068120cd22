"""Columns of the lists that several nouns print."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from heliostat.cli import text
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.quotas import QuotaLineItem
from heliostat.wire.tasks import Task
from heliostat.wire.vms import Vm

DEFAULT_LIMIT = 50

TASK_COLUMNS = (
    Column[Task]("id", lambda task: task.id),
    Column[Task]("operation", lambda task: task.operation),
    Column[Task]("state", lambda task: task.state),
    Column[Task]("entity", lambda task: f"{task.entity.kind} {task.entity.id}"),
    Column[Task]("queued", lambda task: text.moment(task.queued_time)),
    Column[Task]("took", lambda task: text.took(task.started_time, task.end_time)),
)

VM_COLUMNS = (
    Column[Vm]("id", lambda vm: vm.id),
    Column[Vm]("name", lambda vm: vm.name),
    Column[Vm]("state", lambda vm: vm.state),
    Column[Vm]("flavor", lambda vm: vm.flavor),
    Column[Vm]("host", lambda vm: text.cell(vm.host)),
)


def show_tasks(session: Session, tasks: Iterable[Task], limit: int) -> None:
    """The newest tasks, at most ``limit``."""
    found = [*islice(tasks, limit + 1)]
    session.output.items(found[:limit], TASK_COLUMNS, empty="No tasks.")
    if len(found) > limit:
        session.output.note(f"Only the newest {limit} are shown; --limit shows more.")


def cost(items: Iterable[QuotaLineItem]) -> str:
    """A flavor's cost in the form that is typed to make one."""
    return ", ".join(f"{item.key} {text.number(item.value)} {item.unit}" for item in items)
