"""Many VMs or disks at once."""

from __future__ import annotations

from heliostat.client.calls import Change
from heliostat.client.transport import Transport
from heliostat.wire.bulk import BulkDeletion, BulkDisksSpec, BulkVmsSpec
from heliostat.wire.tasks import Task


class Bulk:
    """One task for many things; its ``resource_properties["items"]`` names theirs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_vms(self, project_id: str, spec: BulkVmsSpec) -> Change[Task]:
        return Change(self._transport, "createVms", (project_id,), Task, spec)

    def create_disks(self, project_id: str, spec: BulkDisksSpec) -> Change[Task]:
        return Change(self._transport, "createDisks", (project_id,), Task, spec)

    def delete_vms(self, project_id: str, selector: str) -> Change[Task]:
        body = BulkDeletion(selector=selector)
        return Change(self._transport, "deleteVms", (project_id,), Task, body)

    def delete_disks(self, project_id: str, selector: str, *, now: bool = False) -> Change[Task]:
        body = BulkDeletion(selector=selector, now=now)
        return Change(self._transport, "deleteDisks", (project_id,), Task, body)
