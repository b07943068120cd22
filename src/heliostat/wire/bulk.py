"""Many VMs or disks at once: one decision, one charge, one task that names the others.

All are admitted or none.  The task's ``resourceProperties.items`` holds id, name
and task of each.
"""

from __future__ import annotations

from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import Request
from heliostat.wire.disks import DiskCreateSpec
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.tasks import Task
from heliostat.wire.vms import VmCreateSpec


class BulkVmsSpec(Request):
    """VMs to create, 1 to 100: ``specs``, or ``count`` of ``template``.

    ``name_pattern`` numbers them from ``start``: ``ci-{n}`` or ``ci-{n:03}``; the names of
    their disks are the template's.  If one can't be made all are taken back, unless
    ``keep_partial`` keeps those that can.
    """

    specs: list[VmCreateSpec] | None = None
    template: VmCreateSpec | None = None
    count: int = 0
    name_pattern: str = ""
    start: int = 1
    keep_partial: bool = False


class BulkDisksSpec(Request):
    """Persistent disks to create, in the same two forms."""

    specs: list[DiskCreateSpec] | None = None
    template: DiskCreateSpec | None = None
    count: int = 0
    name_pattern: str = ""
    start: int = 1
    keep_partial: bool = False


class BulkDeletion(Request):
    """What to delete: everything of the project that ``selector`` selects.

    ``now`` (disks) removes them for good; for VMs it means nothing.
    """

    selector: str
    now: bool = False


def _route(path: str, operation: str, summary: str, request: Any) -> Route:
    return Route(
        method="POST",
        path=f"/v1/projects/{{id}}/{path}",
        operation=operation,
        access=Access.PROJECT_USER,
        owner=Owner("project"),
        summary=summary,
        request=request,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    )


ROUTES = (
    _route("bulk-vms", "createVms", "Create up to 100 VMs at once.", BulkVmsSpec),
    _route("bulk-disks", "createDisks", "Create up to 100 disks at once.", BulkDisksSpec),
    _route("bulk-vms/delete", "deleteVms", "Delete VMs by their labels.", BulkDeletion),
    _route("bulk-disks/delete", "deleteDisks", "Delete disks by their labels.", BulkDeletion),
)
