"""Taking a disk out of the books: entity, quota, reservation, and its flavor if it waits."""

from __future__ import annotations

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.disk import Disk
from heliostat.controller.workflows.kinds import DISKS
from heliostat.controller.workflows.ledger import release_project
from heliostat.controller.workflows.releasing import released
from heliostat.controller.workflows.unused import sweep_flavors


async def removal(
    store: CloudStore, stored: Stored[Disk], now_ms: int
) -> tuple[list[Guard], list[Change]]:
    """One commit that leaves nothing of the disk."""
    disk = stored.value
    quota = await release_project(store, disk.tenant_id, disk.project_id, disk.cost, now_ms)
    reservation = await released(store, disk.host_id, disk=disk.id)
    flavors = await sweep_flavors(store, [disk.flavor_id], disk.id)
    guards: list[Guard] = [
        DISKS.guard(stored),
        *quota.guards,
        *reservation.guards,
        *flavors.guards,
    ]
    changes: list[Change] = [
        *DISKS.delete(disk),
        *quota.changes,
        *reservation.changes,
        *flavors.changes,
    ]
    return guards, changes
