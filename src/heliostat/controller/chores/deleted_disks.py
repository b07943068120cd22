"""Deleted disks whose grace time has ended: removed for good, each by a task of its own."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import GuardFailed
from heliostat.controller.chores.contract import chore
from heliostat.controller.model.disk import Disk
from heliostat.controller.model.quota_refusals import moment
from heliostat.controller.workflows.admission import Caller, Ports
from heliostat.controller.workflows.commit import changes_of
from heliostat.controller.workflows.disk_delete import disk_delete
from heliostat.controller.workflows.disk_keep import is_over
from heliostat.controller.workflows.kinds import DELETED, DISKS
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext


async def _over(ports: Ports) -> list[Disk]:
    now_ms = ports.clock.now_ms()
    found = [each.value for each in await DISKS.by_index(ports.store, "deleted", DELETED)]
    return [disk for disk in found if is_over(disk, now_ms) and not disk.task_id]


async def find(ports: Ports) -> Sequence[str]:
    return [
        f"The disk {disk.name} ({disk.id}) was kept until {moment(disk.deleted_until_ms)}."
        for disk in await _over(ports)
    ]


async def _work(ctx: StepContext) -> Done:
    """Ask for each removal; what it waits for shows in its own task."""
    ports = ports_of(ctx)
    caller = Caller("heliostat", frozenset(), True, ctx.task.request_id)
    asked: list[str] = []
    for disk in await _over(ports):
        try:
            admission = await disk_delete(ports, caller, disk.id)
            await ctx.commit(admission.guards, changes_of(admission))
        except (GuardFailed, PermanentError):
            continue  # restored by nobody any more, but perhaps removed by somebody
        asked.append(admission.task.id)
    return Done(result={"tasks": asked})


DELETED_DISKS = chore(
    "deleted-disks",
    "Remove disks for good that were deleted and whose grace time has ended.",
    "REMOVE_DELETED_DISKS",
    lambda ports: ports.settings.chores.deleted_disks_s,
    find,
    _work,
)
