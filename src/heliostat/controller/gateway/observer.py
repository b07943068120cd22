"""What guests do by themselves becomes the VM's state, and is told.

A guest that powers itself off makes its VM STOPPED (and wanted so, or its agent
would start it again); one that crashes leaves a task in ERROR that says when and
what was done.  A VM under an operation is left to that operation.
"""

from __future__ import annotations

import logging

import msgspec

from heliostat.agentlink.messages import DesiredVm, GuestState, Power, ReportedVm
from heliostat.cloudstore.contract import (
    AtRevision,
    Change,
    CloudStore,
    Compacted,
    Document,
    GuardFailed,
    Put,
)
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.desired import VM, desired_key
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows.kinds import VMS
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.admit import changes_for, completed_task
from heliostat.tasks.model import Problem, Task, TaskState

log = logging.getLogger(__name__)

PREFIX = "/v1/reported/"
STATES = {
    GuestState.RUNNING: VmState.STARTED,
    GuestState.STOPPED: VmState.STOPPED,
    GuestState.CRASHED: VmState.STOPPED,
    GuestState.SUSPENDED: VmState.SUSPENDED,
}


class GuestObserver:
    """Follows all reports; one instance a controller is enough, several do no harm."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._crashes: dict[str, int] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            page = await self._store.list(PREFIX)
            revision = page.revision
            documents = list(page.items)
            while page.after is not None:
                page = await self._store.list(PREFIX, after=page.after, at_revision=revision)
                documents.extend(page.items)
            for document in documents:
                await self._observe(document.key, document.value, document.revision)
            try:
                async for event in self._store.watch(PREFIX, revision):
                    if event.value is not None:
                        await self._observe(event.key, event.value, event.revision)
            except Compacted:
                continue

    async def _observe(self, key: str, value: bytes, revision: int) -> None:
        host_id, kind, vm_id = key.removeprefix(PREFIX).split("/", 2)
        if kind != VM:
            return
        reported = msgspec.json.decode(value, type=ReportedVm)
        crashed = reported.crashes > self._crashes.get(vm_id, reported.crashes)
        self._crashes[vm_id] = reported.crashes
        vm = await VMS.get(self._store, vm_id)
        desired = await self._store.get(desired_key(host_id, VM, vm_id))
        if vm is None or desired is None:
            return
        changes = self._changes(vm, desired, reported, crashed)
        if not changes:
            return
        guards = [VMS.guard(vm), AtRevision(desired.key, desired.revision)]
        try:
            await self._store.commit([*guards, AtRevision(key, revision)], changes)
        except GuardFailed:
            log.debug("VM %s changed meanwhile; the newer report decides", vm_id)

    def _changes(
        self, vm: Stored[Vm], desired: Document, reported: ReportedVm, crashed: bool
    ) -> list[Change]:
        changes: list[Change] = []
        if crashed:
            changes.extend(changes_for(self._crash_task(vm.value, reported)))
        state = followed_state(vm.value, desired.revision, reported)
        if state is None:
            return changes
        changes.extend(VMS.put(msgspec.structs.replace(vm.value, state=state), vm.value))
        wanted = msgspec.json.decode(desired.value, type=DesiredVm)
        if state is VmState.STOPPED and wanted.power is Power.ON:
            off = msgspec.structs.replace(wanted, power=Power.OFF)
            changes.append(Put(desired.key, msgspec.json.encode(off)))
            if not crashed:
                changes.extend(changes_for(self._task(vm.value, "GUEST_POWERED_OFF")))
        return changes

    def _crash_task(self, vm: Vm, reported: ReportedVm) -> Task:
        task = self._task(vm, "GUEST_CRASHED")
        outcome = (
            "It was started again, as its policy says."
            if reported.state is GuestState.RUNNING
            else "It stays stopped."
        )
        problem = Problem(
            code="GuestCrashed",
            message=f"The guest {vm.name} ended without being asked. {outcome}",
            data={"detail": reported.detail} if reported.detail else {},
            hint=f"`helio vm log {vm.id}` shows the last console output.",
        )
        task.state = task.steps[0].state = TaskState.ERROR
        task.steps[0].errors = [problem]
        return task

    def _task(self, vm: Vm, operation: str) -> Task:
        return completed_task(
            self._ids,
            self._clock,
            operation,
            entity_kind=VM,
            entity_id=vm.id,
            tenant_id=vm.tenant_id,
            project_id=vm.project_id,
            requested_by="system",
        )


def followed_state(vm: Vm, desired_revision: int, reported: ReportedVm) -> VmState | None:
    """The state that a report gives a VM; ``None`` while it says nothing new.

    Only a settled report on the newest wish counts, and none while an operation
    is under way.
    """
    if vm.task_id or not reported.settled or reported.revision != desired_revision:
        return None
    state = STATES.get(reported.state)
    return None if state is vm.state or vm.state is VmState.ERROR else state
