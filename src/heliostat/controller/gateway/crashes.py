"""Every crash of a guest leaves a task that says when it was and what was done.

The task is in ERROR from its start, found with the VM's other tasks.  Its id
follows from the report, so that a crash is told once however many controllers
look, and one that happened while none did is told when one begins.
"""

from __future__ import annotations

import uuid

import msgspec

from heliostat.agentlink.messages import GuestState, ReportedVm
from heliostat.cloudstore.contract import Absent, CloudStore, Compacted, GuardFailed
from heliostat.controller.model.desired import REPORTED, VM
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.admit import changes_for, completed_task
from heliostat.tasks.model import Problem, Task, TaskState, task_key

OPERATION = "GUEST_CRASHED"
_SPACE = uuid.UUID("6f1f6c1e-6d0e-4a57-9f0b-5b1f6f0a2c11")


async def record_crashes(store: CloudStore, clock: Clock, ids: Ids) -> None:
    """Look at every report, then follow them, until cancelled."""
    while True:
        page = await store.list(REPORTED)
        revision = page.revision
        documents = list(page.items)
        while page.after is not None:
            page = await store.list(REPORTED, after=page.after, at_revision=revision)
            documents.extend(page.items)
        for document in documents:
            await _record(store, clock, ids, document.key, document.value)
        try:
            async for event in store.watch(REPORTED, revision):
                if event.value is not None:
                    await _record(store, clock, ids, event.key, event.value)
        except Compacted:
            continue


async def _record(store: CloudStore, clock: Clock, ids: Ids, key: str, value: bytes) -> None:
    _, _, rest = key.removeprefix(REPORTED).partition("/")
    kind, _, vm_id = rest.partition("/")
    if kind != VM:
        return
    report = msgspec.json.decode(value, type=ReportedVm)
    vm = await VMS.get(store, vm_id) if report.crashes else None
    if vm is None:
        return
    task = crash_task(vm.value, report, clock, ids)
    try:
        await store.commit([Absent(task_key(task.id))], changes_for(task))
    except GuardFailed:
        return  # told before


def crash_task(vm: Vm, report: ReportedVm, clock: Clock, ids: Ids) -> Task:
    """The task that tells of the last crash in ``report``."""
    task = completed_task(
        ids,
        clock,
        OPERATION,
        entity_kind="vm",
        entity_id=vm.id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        requested_by="system",
    )
    outcome = (
        "It stays stopped."
        if report.state is GuestState.CRASHED and report.settled
        else "It is started again, as its policy says."
    )
    problem = Problem(
        code="GuestCrashed",
        message=f"The guest {vm.name} ended without being asked, crash {report.crashes}. {outcome}",
        hint=f"`helio vm log {vm.id}` shows the last console output.",
        data={"detail": report.detail} if report.detail else {},
    )
    task.id = str(uuid.uuid5(_SPACE, f"{vm.id}/{report.revision}/{report.crashes}"))
    task.state = task.steps[0].state = TaskState.ERROR
    task.steps[0].errors = [problem]
    return task
