"""Deleting a project that is empty, or holds nothing but disks that are deleted already.

An empty one goes with the first answer.  Clients that know of no kept disks delete
their disks and then the project, so kept disks don't hold it: they lose the rest of
their time, each by a task of its own, and then the project goes.  Until then the
project is under its task: nothing new gets in and no disk is restored.  If a disk
can't be removed the project stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, Delete, Guard
from heliostat.cloudstore.documents import Kind, Stored
from heliostat.controller.model.bulk import BulkNoun
from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.project import Project
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.model.quota_delegation import settle
from heliostat.controller.model.quota_refusals import moment
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.bulk_delete import remove_disks
from heliostat.controller.workflows.kinds import (
    BULKS,
    DISKS,
    IMAGES,
    PROJECT_KIND,
    PROJECTS,
    QUOTAS,
    SEPARATIONS,
    VMS,
)
from heliostat.controller.workflows.ledger import Entry, account, rewritten, together
from heliostat.controller.workflows.requests import completed, queued, refuse_busy
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow

_QUOTA = QUOTAS[OwnerKind.PROJECT]
_OPERATION = "DELETE_PROJECT"
_CONTENTS: dict[str, Kind[Any]] = {
    "VM": VMS,
    "disk": DISKS,
    "image": IMAGES,
    "bulk creation": BULKS,
}
PATIENCE_S = 10.0
"""After this the task lends its place to those that remove the disks."""
MOST_NAMED = 100
"""Disks that the answer names one by one."""


async def project_delete(ports: Ports, caller: Caller, project_id: str) -> Admission:
    """Remove a project and give its limits back; ``ContainerNotEmpty``.

    A task removes the deleted disks that it keeps, which the warning names.
    """
    stored = await reading.project(ports.store, project_id)
    refuse_busy("project", stored.value)
    found = await DISKS.by_index(ports.store, "project", project_id)
    kept = [each for each in found if each.value.state is DiskState.DELETED]
    await _refuse_contents(ports.store, stored.value, kept=len(kept))
    if kept:
        return _with_disks(ports, caller, stored, kept)
    project = stored.value
    removal = await _removal(ports.store, stored, ports.clock.now_ms())
    return Admission(
        task=completed(
            ports,
            caller,
            _OPERATION,
            PROJECT_KIND,
            project_id,
            tenant_id=project.tenant_id,
            project_id=project_id,
        ),
        guards=removal.guards,
        changes=removal.changes,
        quota=removal.charges,
    )


def _with_disks(
    ports: Ports, caller: Caller, stored: Stored[Project], kept: Sequence[Stored[Disk]]
) -> Admission:
    """The project goes after its kept disks; each is guarded to be as it was judged."""
    project = stored.value
    disks = [each.value for each in kept]
    warning = _loss(disks)
    task = queued(
        ports,
        caller,
        DELETE_PROJECT,
        PROJECT_KIND,
        project.id,
        tenant_id=project.tenant_id,
        project_id=project.id,
        input={"disks": [disk.id for disk in disks]},
        warnings=(warning,),
    )
    named = [{"id": disk.id, "name": disk.name} for disk in disks[:MOST_NAMED]]
    task.resource_properties = {"items": named}
    others = [kind for kind in _CONTENTS.values() if kind is not DISKS]
    guards: list[Guard] = [
        PROJECTS.guard(stored),
        *(kind.unused("project", project.id) for kind in others),
        *(DISKS.guard(each) for each in kept),
    ]
    changed = replace(project, task_id=task.id)
    return Admission(task, guards, PROJECTS.put(changed, project), warnings=(warning,))


def _loss(disks: Sequence[Disk]) -> Problem:
    """Which deleted disks can't be restored any more."""
    names = ", ".join(f"{disk.name} (until {moment(disk.deleted_until_ms)})" for disk in disks[:3])
    more = f" and {len(disks) - 3} more" if len(disks) > 3 else ""
    error = PermanentError(
        "DeletedDisksRemoved",
        f"{BulkNoun.DISK.counted(len(disks))} kept after deletion can't be restored any more, "
        f"because the project goes: {names}{more}.",
        data={"deletedDisks": [disk.id for disk in disks[:MOST_NAMED]]},
    )
    return Problem.of(error)


async def _refuse_contents(store: CloudStore, project: Project, *, kept: int) -> None:
    """``ContainerNotEmpty`` if there is more in the project than ``kept`` deleted disks."""
    counts = {
        noun: len(await kind.ids_by_index(store, "project", project.id))
        for noun, kind in _CONTENTS.items()
    }
    counts["disk"] -= kept
    held = ", ".join(counted(count, noun) for noun, count in counts.items() if count > 0)
    if not held:
        return
    sentence = f"The project {project.name} still has {held}."
    if kept:
        sentence += f" With it would go {counted(kept, 'deleted disk')}, kept for a while."
    raise PermanentError("ContainerNotEmpty", sentence)


async def _removal(store: CloudStore, stored: Stored[Project], now_ms: int) -> Entry:
    """One commit that leaves nothing of an empty project."""
    project = stored.value
    quota = await account(store, OwnerKind.PROJECT, project.id, now_ms)
    above = await account(store, OwnerKind.TENANT, project.tenant_id, now_ms)
    empty = Quota(owner_kind=OwnerKind.PROJECT, owner_id=project.id)
    own = Entry(
        guards=(
            PROJECTS.guard(stored),
            _QUOTA.guard(quota.stored),
            *(kind.unused("project", project.id) for kind in _CONTENTS.values()),
        ),
        changes=(
            *PROJECTS.delete(project),
            *_QUOTA.delete(quota.stored.value),
            Delete(SEPARATIONS.key(project.id)),
        ),
    )
    return together(own, rewritten(above, settle(above.quota, quota.quota, empty)))


async def _remove_disks(ctx: StepContext) -> Done:
    await remove_disks(ctx, ctx.task.input["disks"])
    return Done()


async def _delete(ctx: StepContext) -> Done:
    stored = await PROJECTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    await _refuse_contents(ctx.store, stored.value, kept=0)
    removal = await _removal(ctx.store, stored, ctx.clock.now_ms())
    return Done(changes=removal.changes, guards=removal.guards)


async def _release(ctx: StepContext) -> Done:
    """The project stays, with what could not be removed, and may be operated on again."""
    stored = await PROJECTS.get(ctx.store, ctx.task.entity_id)
    if stored is None or stored.value.task_id != ctx.task.id:
        return Done()
    free = replace(stored.value, task_id="")
    return Done(changes=PROJECTS.put(free, stored.value), guards=[PROJECTS.guard(stored)])


DELETE_PROJECT = Workflow(
    _OPERATION,
    (
        StepDefinition("DELETE_DISKS", _remove_disks, undo=_release, expected_s=PATIENCE_S),
        StepDefinition(_OPERATION, _delete),
    ),
    stuck=_release,
)
