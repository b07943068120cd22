"""Persistent disks."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.disks import Disk, DiskCreateSpec, DiskList
from heliostat.wire.tasks import Task, TaskList


class Disks:
    """Disks that outlive the VMs they are attached to."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, project_id: str, spec: DiskCreateSpec) -> Change[Task]:
        return Change(self._transport, "createDisk", (project_id,), Task, spec)

    def list(
        self, project_id: str, *, name: str = "", selector: str = "", deleted: bool = False
    ) -> Iterator[Disk]:
        """The disks, or those ``deleted`` that can be restored."""
        query = {"name": name, "selector": selector, "deleted": "true" if deleted else ""}
        return pages(self._transport, "listDisks", project_id, answer=DiskList, query=query)

    def get(self, disk_id: str) -> Disk:
        return read(self._transport, "getDisk", disk_id, answer=Disk)

    def delete(self, disk_id: str, *, now: bool = False) -> Change[Task]:
        """It can be restored for a time, unless ``now`` removes it at once."""
        query = {"now": "true" if now else ""}
        return Change(self._transport, "deleteDisk", (disk_id,), Task, query=query)

    def restore(self, disk_id: str) -> Change[Task]:
        return Change(self._transport, "restoreDisk", (disk_id,), Task)

    def tasks(self, disk_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listDiskTasks", disk_id, answer=TaskList, query=query)
