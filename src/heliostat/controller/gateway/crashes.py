"""Every crash of a guest leaves a task that says when it was and what was done.

The task is in ERROR from its start, found with the VM's other tasks.  The VM
remembers the last crash that was told, in the same commit, so that a crash is
told once however many controllers look, and one that happened while none did is
told when one begins.
"""

from __future__ import annotations

import logging

import msgspec

from heliostat.agentlink.messages import GuestState, ReportedVm
from heliostat.cloudstore.contract import CloudStore, Compacted, Document, GuardFailed
from heliostat.cloudstore.documents import decode, walk
from heliostat.controller.model.desired import REPORTED, VM
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.tasks.admit import changes_for, completed_task
from heliostat.tasks.model import Problem, Task, TaskState

log = logging.getLogger(__name__)

OPERATION = "GUEST_CRASHED"


async def record_crashes(store: CloudStore, clock: Clock, ids: Ids) -> None:
    """Look at every report, then follow them, until cancelled."""
    while True:
        revision = await store.revision()
        async for document in walk(store, REPORTED):
            await _record(store, clock, ids, document)
        try:
            async for event in store.watch(REPORTED, revision):
                if event.value is not None:
                    document = Document(event.key, event.value, event.revision, event.revision)
                    await _record(store, clock, ids, document)
        except Compacted:
            continue


async def _record(store: CloudStore, clock: Clock, ids: Ids, document: Document) -> None:
    host_id, _, rest = document.key.removeprefix(REPORTED).partition("/")
    kind, _, vm_id = rest.partition("/")
    if kind != VM:
        return
    try:
        report = decode(ReportedVm, document)
    except PermanentError as error:
        log.error("%s", error)  # noqa: TRY400 (a check-up tells it too; other guests go on)
        return
    mark = f"{report.revision}/{report.crashes}"
    while report.crashes:
        vm = await VMS.get(store, vm_id)
        if vm is None or vm.value.crash_told == mark or vm.value.host_id != host_id:
            return  # told already, or said by a host that the VM is not on
        told = msgspec.structs.replace(vm.value, crash_told=mark)
        task = crash_task(vm.value, report, clock, ids)
        try:
            await store.commit([VMS.guard(vm)], [*VMS.put(told, vm.value), *changes_for(task)])
        except GuardFailed:
            continue  # the VM changed, or another controller told it
        return


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
    task.state = task.steps[0].state = TaskState.ERROR
    task.steps[0].errors = [problem]
    return task
