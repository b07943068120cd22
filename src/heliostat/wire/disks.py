"""Persistent disks: they outlive the VMs they are attached to."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Locality, Request, Response
from heliostat.wire.quotas import QuotaLineItem
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Query, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class DiskCreateSpec(Request):
    """A persistent disk; an affinity to a VM places it on that VM's host."""

    name: str
    flavor: str
    capacity_gb: int
    kind: str = "persistent-disk"
    affinities: list[Locality] | None = None
    tags: list[str] | None = None
    labels: dict[str, str] | None = None


class Disk(Response):
    """A persistent disk; ``vms`` holds the id of the VM it is attached to.

    A disk that is DELETED can be restored until ``deleted_until`` (ms).
    """

    id: str
    kind: str
    name: str
    flavor: str
    state: str
    self_link: str
    capacity_gb: int
    cost: list[QuotaLineItem]
    vms: list[str]
    tags: list[str]
    project_id: str
    datastore: str = ""
    host_id: str = ""
    labels: dict[str, str] = {}
    deleted_until: int = 0


class DiskList(Response):
    """A page of disks."""

    items: list[Disk]
    next_page_link: str = ""
    previous_page_link: str = ""


_DISK = Owner("disk")

ROUTES = (
    Route(
        method="POST",
        path="/v1/projects/{id}/disks",
        operation="createDisk",
        access=Access.PROJECT_USER,
        owner=Owner("project"),
        summary="Create a persistent disk.",
        request=DiskCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/projects/{id}/disks",
        operation="listDisks",
        access=Access.PROJECT_READ,
        owner=Owner("project"),
        summary="List the disks of a project.",
        response=DiskList,
        query=(
            NAME,
            SELECTOR,
            Query("deleted", bool, "Only the deleted disks, which other lists don't show."),
            *PAGE,
        ),
    ),
    Route(
        method="GET",
        path="/v1/disks/{id}",
        operation="getDisk",
        access=Access.PROJECT_USER,
        owner=_DISK,
        summary="Show a disk.",
        response=Disk,
    ),
    Route(
        method="DELETE",
        path="/v1/disks/{id}",
        operation="deleteDisk",
        access=Access.PROJECT_USER,
        owner=_DISK,
        summary="Delete a detached disk; it can be restored for a time.",
        response=Task,
        status=201,
        mutating=True,
        query=(Query("now", bool, "Remove it with its content at once."),),
    ),
    Route(
        method="POST",
        path="/v1/disks/{id}/restore",
        operation="restoreDisk",
        access=Access.PROJECT_USER,
        owner=_DISK,
        summary="Have a deleted disk back.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/disks/{id}/tasks",
        operation="listDiskTasks",
        access=Access.PROJECT_USER,
        owner=_DISK,
        summary="List the tasks of a disk.",
        response=TaskList,
        query=TASKS_OF,
    ),
)
