"""Deleting a disk with a time to think better of it, and having it back.

A deleted disk keeps its place, its content and its quota until its grace time
ends; then a chore removes it for good (:mod:`disk_delete`).  Nothing happens on
its host until then, so both verbs are complete with their answer.  That the time
is over counts by the clock, whether the chore came by or not.
"""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.controller.model.disk import Disk, DiskState
from heliostat.controller.model.quota_refusals import moment
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.disk_delete import disk_delete, refuse_attached
from heliostat.controller.workflows.kinds import DISK, DISKS, PROJECTS
from heliostat.controller.workflows.requests import completed, refuse_busy
from heliostat.core.errors import PermanentError


async def disk_discard(ports: Ports, caller: Caller, disk_id: str) -> Admission:
    """Delete a detached disk so that it can be restored; one in ERROR goes at once."""
    stored = await reading.disk(ports.store, disk_id)
    disk = stored.value
    if disk.state is DiskState.ERROR or ports.settings.disk_grace_s <= 0:
        return await disk_delete(ports, caller, disk_id)
    refuse_busy("disk", disk)
    refuse_attached(disk)
    if disk.state is DiskState.DELETED:
        raise PermanentError(
            "InvalidDiskState",
            f"The disk {disk.name} is deleted already; it is kept until "
            f"{moment(disk.deleted_until_ms)}.",
            hint="`helio disk delete --now` removes it for good, `helio disk restore` keeps it.",
            data={"state": str(disk.state)},
        )
    until_ms = ports.clock.now_ms() + round(ports.settings.disk_grace_s * 1000)
    kept = replace(disk, state=DiskState.DELETED, deleted_until_ms=until_ms)
    task = completed(
        ports,
        caller,
        "DELETE_DISK",
        DISK,
        disk_id,
        tenant_id=disk.tenant_id,
        project_id=disk.project_id,
        resource_properties={"deletedUntil": until_ms},
    )
    return Admission(task, (DISKS.guard(stored),), tuple(DISKS.put(kept, disk)))


async def disk_restore(ports: Ports, caller: Caller, disk_id: str) -> Admission:
    """Have a deleted disk back, DETACHED as it was; ``InvalidDiskState`` after its grace time.

    Not while its project is being deleted: the disk goes with it.
    """
    stored = await reading.disk(ports.store, disk_id)
    disk = stored.value
    refuse_busy("disk", disk)
    project = await reading.project(ports.store, disk.project_id)
    refuse_busy("project", project.value)
    if disk.state is not DiskState.DELETED:
        raise PermanentError(
            "InvalidDiskState",
            f"The disk {disk.name} is {disk.state}, not DELETED.",
            data={"state": str(disk.state)},
        )
    if is_over(disk, ports.clock.now_ms()):
        raise PermanentError(
            "InvalidDiskState",
            f"The disk {disk.name} was kept until {moment(disk.deleted_until_ms)}; "
            "it is being removed.",
            hint="Create a new disk, and restore its content from a copy.",
            data={"state": str(disk.state)},
        )
    back = replace(disk, state=DiskState.DETACHED, deleted_until_ms=0)
    task = completed(
        ports,
        caller,
        "RESTORE_DISK",
        DISK,
        disk_id,
        tenant_id=disk.tenant_id,
        project_id=disk.project_id,
    )
    guards = (DISKS.guard(stored), PROJECTS.guard(project))
    return Admission(task, guards, tuple(DISKS.put(back, disk)))


def is_over(disk: Disk, now_ms: int) -> bool:
    """Whether a deleted disk's grace time has ended."""
    return disk.state is DiskState.DELETED and disk.deleted_until_ms <= now_ms
