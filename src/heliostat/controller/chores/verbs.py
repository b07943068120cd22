"""Verbs of chores: run one now, and tell how all of them stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.chores.contract import RECORDS, Chore, ChoreRecord
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import CHORE
from heliostat.controller.workflows.requests import queued
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Problem, open_key

QUOTED = 5


async def chore_run(
    ports: Ports, caller: Caller, chores: Mapping[str, Chore], name: str
) -> Admission:
    """Do the chore now, due or not; ``ChoreNotFound``, ``ConcurrentTask``."""
    chore = chore_named(chores, name)
    stored = await RECORDS.get(ports.store, name)
    running = await open_task(ports.store, stored)
    if running:
        raise PermanentError(
            "ConcurrentTask",
            f"The chore {name} is being done already, task {running}.",
            hint=f"Wait for it with `helio task watch {running}`.",
            data={"taskId": running},
        )
    return admission(ports, caller, chore, stored, await chore.find(ports))


def chore_named(chores: Mapping[str, Chore], name: str) -> Chore:
    """The chore; ``ChoreNotFound``."""
    chore = chores.get(name)
    if chore is None:
        known = ", ".join(sorted(chores))
        raise PermanentError("ChoreNotFound", f"There is no chore {name!r}; there are {known}.")
    return chore


def admission(
    ports: Ports,
    caller: Caller,
    chore: Chore,
    stored: Stored[ChoreRecord] | None,
    findings: Sequence[str],
) -> Admission:
    """The task that does the chore, and the record that names it; a lost race fails its guard."""
    task = queued(ports, caller, chore.workflow, CHORE, chore.name)
    before = stored.value if stored is not None else ChoreRecord(name=chore.name, looked_ms=0)
    record = replace(
        looked(before, findings), looked_ms=ports.clock.now_ms(), task_id=task.id, fault=""
    )
    guard: Guard = RECORDS.guard(stored) if stored is not None else RECORDS.absent(chore.name)
    warnings = tuple(Problem(code="ChoreFinding", message=each) for each in findings[:QUOTED])
    return Admission(
        task=task,
        guards=(guard,),
        changes=tuple(RECORDS.put(record, stored.value if stored is not None else None)),
        warnings=warnings if caller.planning else (),
    )


def looked(record: ChoreRecord, findings: Sequence[str]) -> ChoreRecord:
    """The record with what a look found."""
    return replace(record, found=len(findings), findings=tuple(findings[:QUOTED]))


async def open_task(store: CloudStore, stored: Stored[ChoreRecord] | None) -> str:
    """The id of the chore's task that has not ended, empty if there is none."""
    task_id = stored.value.task_id if stored is not None else ""
    if not task_id or await store.get(open_key(task_id)) is None:
        return ""
    return task_id
