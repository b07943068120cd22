"""Who is where: machines, disks, labels and projects by host row, and who keeps whom away.

Made of the shares in the hosts' reservations and changed by one share at a time,
so that a placement costs no more on a full host than on an empty one.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliostat.controller.model.reservation import Avoided, DiskShare, Scope, VmShare
from heliostat.controller.scheduler.tally import Index


def label_key(project_id: str, label: str) -> str:
    """A label counts within its project only."""
    return f"label:{project_id}:{label}"


class Occupancy:
    """Shares by row, and what is found by them; ``single`` has machines and disks by key."""

    def __init__(self) -> None:
        self.vms: list[dict[str, VmShare]] = []
        self.disks: list[dict[str, DiskShare]] = []
        self.projects = Index()
        self.labels = Index()
        self.single: dict[str, int] = {}
        self.avoiding: dict[Scope, Index] = {scope: Index() for scope in Scope}

    def grow(self) -> None:
        self.vms.append({})
        self.disks.append({})

    def add_vm(self, row: int, vm_id: str, share: VmShare) -> None:
        self.vms[row][vm_id] = share
        self._vm(row, vm_id, share, 1)

    def remove_vm(self, row: int, vm_id: str) -> VmShare:
        share = self.vms[row].pop(vm_id)
        self._vm(row, vm_id, share, -1)
        return share

    def add_disk(self, row: int, disk_id: str, share: DiskShare) -> None:
        self.disks[row][disk_id] = share
        self._disk(row, disk_id, share, 1)

    def remove_disk(self, row: int, disk_id: str) -> DiskShare:
        share = self.disks[row].pop(disk_id)
        self._disk(row, disk_id, share, -1)
        return share

    def machines(self, row: int, project_id: str) -> int:
        """How many machines of a project are on a host."""
        tally = self.projects.get(project_id) if project_id else None
        return 0 if tally is None else tally.count(row)

    def _vm(self, row: int, vm_id: str, share: VmShare, count: int) -> None:
        self.projects.add(share.project_id, row, count)
        self._move(f"vm:{vm_id}", row, count)
        for label in share.labels:
            self.labels.add(label_key(share.project_id, label), row, count)
        self._avoid(row, share.avoids, count)

    def _disk(self, row: int, disk_id: str, share: DiskShare, count: int) -> None:
        self._move(f"disk:{disk_id}", row, count)
        self._avoid(row, share.avoids, count)

    def _move(self, key: str, row: int, count: int) -> None:
        """Machines and disks are on one host; while news arrive, the later one counts."""
        if count > 0:
            self.single[key] = row
        elif self.single.get(key) == row:
            del self.single[key]

    def _avoid(self, row: int, avoids: Iterable[Avoided], count: int) -> None:
        for each in avoids:
            self.avoiding[each.scope].add(each.key, row, count)
