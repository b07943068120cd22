"""Deleting many VMs or disks by one decision, and taking back those that a bulk made.

All that are selected can be deleted or nothing is; which they are is decided
once, so what gets the labels later is safe.  Each goes by a task of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from heliostat.cloudstore.contract import GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.controller.model.bulk import MOST
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.names import invalid
from heliostat.controller.model.selector import Selector
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.children import all_ended, failure, until_ended
from heliostat.controller.workflows.commit import changes_of
from heliostat.controller.workflows.disk_delete import disk_delete
from heliostat.controller.workflows.disk_keep import disk_discard
from heliostat.controller.workflows.kinds import DISK, DISKS, PROJECT_KIND, VM, VMS
from heliostat.controller.workflows.requests import completed, queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.controller.workflows.vm_delete import vm_delete
from heliostat.core.errors import PermanentError
from heliostat.tasks import actions
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow

_Delete = Callable[[Ports, Caller, str], Awaitable[Admission]]
_KINDS: dict[str, Kind[Any]] = {VM: VMS, DISK: DISKS}
TRIES = 8
PATIENCE_S = 10.0


async def delete_vms(
    ports: Ports, caller: Caller, project_id: str, selector: Selector
) -> Admission:
    """Delete the VMs of a project that the selector selects; all of them have to be off."""
    found = await reading.vms(ports.store, project_id)
    chosen = [(vm.id, vm.name) for vm in found if selector.selects(vm.labels)]
    return await _admit(ports, caller, DELETE_VMS, project_id, chosen, vm_delete)


async def delete_disks(
    ports: Ports, caller: Caller, project_id: str, selector: Selector, *, now: bool
) -> Admission:
    """Delete the disks of a project that the selector selects; ``now`` for good."""
    found = await reading.disks(ports.store, project_id)
    chosen = [
        (disk.id, disk.name)
        for disk in found
        if selector.selects(disk.labels) and disk.state is not DiskState.DELETED
    ]
    verb = disk_delete if now else disk_discard
    return await _admit(ports, caller, DELETE_DISKS, project_id, chosen, verb, now=now)


async def _admit(
    ports: Ports,
    caller: Caller,
    workflow: Workflow,
    project_id: str,
    chosen: Sequence[tuple[str, str]],
    verb: _Delete,
    *,
    now: bool = False,
) -> Admission:
    """Refuses with what is wrong with the first that can't be deleted."""
    project = await reading.project(ports.store, project_id)
    refuse_busy("project", project.value)
    if len(chosen) > MOST:
        raise invalid("selector", f"it selects {len(chosen)}, more than {MOST} at once")
    for id_, _ in chosen:
        await verb(ports, caller, id_)  # decides, writes nothing
    named = [{"id": id_, "name": name} for id_, name in chosen]
    where: dict[str, Any] = {"tenant_id": project.value.tenant_id, "project_id": project_id}
    if not chosen:
        task = completed(
            ports,
            caller,
            workflow.operation,
            PROJECT_KIND,
            project_id,
            resource_properties={"items": []},
            **where,
        )
        return Admission(task, (), ())
    task = queued(
        ports,
        caller,
        workflow,
        PROJECT_KIND,
        project_id,
        input={"entities": [id_ for id_, _ in chosen], "now": now},
        **where,
    )
    task.resource_properties = {"items": named}
    return Admission(task, (), ())


def _delete_all(noun: str) -> Callable[[StepContext], Awaitable[Done]]:
    async def run(ctx: StepContext) -> Done:
        verb = _verb(noun, now=bool(ctx.task.input.get("now")))
        await _delete_each(ctx, noun, ctx.task.input["entities"], verb)
        return Done()

    return run


async def remove_disks(ctx: StepContext, ids: Sequence[str]) -> None:
    """Remove the disks for good, each by a task of its own; raises why the first could not go."""
    await _delete_each(ctx, DISK, ids, disk_delete)


async def _delete_each(ctx: StepContext, noun: str, ids: Sequence[str], verb: _Delete) -> None:
    asked: list[str] = []
    problems: list[PermanentError] = []
    for number, id_ in enumerate(ids):
        ctx.waiting_for(f"{number} of {len(ids)} are asked to go")
        ctx.progressed(number - len(asked) - len(problems), len(ids))
        try:
            asked += await _ask_to_go(ctx, noun, id_, verb)
        except PermanentError as error:
            problems.append(error)
    gone = len(ids) - len(asked) - len(problems)
    ended = await all_ended(ctx, asked, "Waiting for what was asked to go", done=gone)
    if (failed := failure(ended, "could not be deleted", len(ids))) is not None:
        raise failed
    if problems:
        first = problems[0]
        told = f"{len(problems)} of {len(ids)} could not be deleted: {first.message}"
        raise PermanentError(first.code, told)


async def take_back(
    ctx: StepContext, noun: str, entity_ids: Sequence[str], task_ids: Sequence[str]
) -> list[Problem]:
    """Undo those creations that still run and delete what they made.

    What somebody uses by now is left: the warnings say what.
    """
    for task_id in task_ids:
        await _ask_to_undo(ctx, task_id)
    await all_ended(ctx, task_ids, "Waiting for creations to end")
    kept: list[Problem] = []
    asked: list[str] = []
    for id_ in entity_ids:
        try:
            asked += await _ask_to_go(ctx, noun, id_, _verb(noun, now=True))
        except PermanentError as error:
            kept.append(Problem.of(error))
    ended = await all_ended(ctx, asked, "Waiting for what is taken back")
    if (failed := failure(ended, "could not be taken back", len(entity_ids))) is not None:
        raise failed
    return kept


async def _ask_to_undo(ctx: StepContext, task_id: str) -> None:
    now_ms = ctx.clock.now_ms()
    try:
        await actions.request(
            ctx.store, task_id, "undo", requested_by=ctx.task.requested_by, now_ms=now_ms
        )
    except PermanentError:
        return  # it has ended, was never made, or takes itself back already


async def _ask_to_go(ctx: StepContext, noun: str, id_: str, verb: _Delete) -> list[str]:
    """The task that deletes the entity, none if it is gone; waits for others' tasks on it."""
    ports = ports_of(ctx)
    caller = Caller(ctx.task.requested_by, frozenset(), True, ctx.task.request_id)
    for _ in range(TRIES):
        stored = await _KINDS[noun].get(ctx.store, id_)
        if stored is None:
            return []
        if stored.value.task_id:
            await until_ended(ctx, stored.value.task_id)
            continue
        admission = await verb(ports, caller, id_)
        try:
            await ctx.commit(admission.guards, changes_of(admission))
        except GuardFailed:
            continue
        return [] if admission.task.state.is_final else [admission.task.id]
    raise PermanentError("ConcurrentTask", f"Others keep changing the {noun} {id_}.")


def _verb(noun: str, *, now: bool) -> _Delete:
    if noun == VM:
        return vm_delete
    return disk_delete if now else disk_discard


DELETE_VMS = Workflow(
    "BULK_DELETE_VMS", (StepDefinition("DELETE_VMS", _delete_all(VM), expected_s=PATIENCE_S),)
)
DELETE_DISKS = Workflow(
    "BULK_DELETE_DISKS", (StepDefinition("DELETE_DISKS", _delete_all(DISK), expected_s=PATIENCE_S),)
)
