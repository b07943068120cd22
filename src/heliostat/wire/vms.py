"""Virtual machines.

A created VM is STOPPED; it is never started by itself.  Existing clients send
``state`` (empty) and ``id`` in attached disks, which are accepted and ignored.
"""

from __future__ import annotations

from typing import Any

from heliostat.wire.access import Access
from heliostat.wire.body import Locality, Request, Response
from heliostat.wire.quotas import QuotaLineItem
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Query, Route
from heliostat.wire.stats import VmStats
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class AttachedDiskSpec(Request):
    """A disk that is made with its VM; ``capacity_gb`` is not given for the boot disk."""

    name: str
    flavor: str
    kind: str = "ephemeral-disk"
    boot_disk: bool = False
    capacity_gb: int | None = None
    state: str = ""
    id: str = ""


class VmCreateSpec(Request):
    """A VM to create.

    Ours: ``ssh_keys`` and ``user_data`` (cloud-init) reach the guest through its seed
    image; ``restart_on_crash`` is the policy for a guest that died by itself; ``boot_bus``
    is ``virtio``, ``nvme`` (for images that boot from nothing else; such a VM can't be
    suspended) or empty for the host's default.
    """

    name: str
    flavor: str
    source_image_id: str
    attached_disks: list[AttachedDiskSpec] | None = None
    affinities: list[Locality] | None = None
    tags: list[str] | None = None
    subnets: list[str] | None = None
    environment: dict[str, str] | None = None
    ssh_keys: list[str] | None = None
    user_data: str = ""
    restart_on_crash: bool = True
    boot_bus: str = ""
    labels: dict[str, str] | None = None


class VmMetadata(Request):
    """Replaces the metadata of a VM."""

    metadata: dict[str, str] | None = None


class VmTag(Request):
    """A tag to add, 1 to 64 characters."""

    value: str


class VmDiskOperation(Request):
    """A disk to attach or detach; ``arguments`` is accepted because clients may send it."""

    disk_id: str
    arguments: dict[str, Any] | None = None


class VmImageCreateSpec(Request):
    """An image to make of a stopped VM's boot disk; it belongs to the VM's project."""

    name: str
    replication_type: str = "ON_DEMAND"


class AttachedDisk(Response):
    """A disk of a VM: its boot and ephemeral disks, and the persistent ones attached."""

    id: str
    kind: str
    name: str
    flavor: str
    state: str
    boot_disk: bool
    capacity_gb: int


class Iso(Response):
    """A CD image attached to a VM; ``size`` in bytes."""

    id: str
    name: str
    kind: str
    size: int


class Vm(Response):
    """A VM; ``host`` is the address of the host it is on.

    ``boot_bus`` is empty if the VM was created with the host's default.
    """

    id: str
    kind: str
    name: str
    flavor: str
    state: str
    self_link: str
    cost: list[QuotaLineItem]
    attached_disks: list[AttachedDisk]
    attached_isos: list[Iso]
    tags: list[str]
    metadata: dict[str, str]
    floating_ip: str
    source_image_id: str
    project_id: str
    host: str = ""
    datastore: str = ""
    host_id: str = ""
    boot_bus: str = ""
    labels: dict[str, str] = {}


class VmList(Response):
    """A page of VMs."""

    items: list[Vm]
    next_page_link: str = ""
    previous_page_link: str = ""


class VmLog(Response):
    """The end of a VM's serial log."""

    id: str
    text: str


_VM = Owner("vm")
_TICKET = (Query("ticket", str, "A ticket from /mks_ticket; does instead of a token, once."),)
_HARD = (Query("hard", bool, "Power off at once, without asking the guest."),)


def _change(
    method: str,
    verb: str,
    operation: str,
    summary: str,
    request: Any = None,
    query: tuple[Query, ...] = (),
) -> Route:
    return Route(
        method=method,
        path=f"/v1/vms/{{id}}/{verb}" if verb else "/v1/vms/{id}",
        operation=operation,
        access=Access.PROJECT_USER,
        owner=_VM,
        summary=summary,
        request=request,
        body=Body.NONE if request is None else Body.JSON,
        response=Task,
        status=201,
        mutating=True,
        query=query,
    )


def _read(
    verb: str,
    operation: str,
    summary: str,
    response: Any,
    *query: Query,
    hands_out: bool = False,
    when_paused: bool | None = None,
) -> Route:
    return Route(
        method="GET",
        path=f"/v1/vms/{{id}}/{verb}" if verb else "/v1/vms/{id}",
        operation=operation,
        access=Access.PROJECT_USER,
        owner=_VM,
        summary=summary,
        response=response,
        query=query,
        hands_out=hands_out,
        when_paused=when_paused,
    )


def _stream(verb: str, operation: str, summary: str, *, takes_ticket: bool = False) -> Route:
    return Route(
        method="GET",
        path=f"/v1/vms/{{id}}/{verb}",
        operation=operation,
        access=Access.PROJECT_USER,
        owner=_VM,
        summary=summary,
        status=101,
        websocket=True,
        takes_ticket=takes_ticket,
        query=_TICKET if takes_ticket else (),
    )


ROUTES = (
    Route(
        method="POST",
        path="/v1/projects/{id}/vms",
        operation="createVm",
        access=Access.PROJECT_USER,
        owner=Owner("project"),
        summary="Create a VM; it stays STOPPED.",
        request=VmCreateSpec,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/projects/{id}/vms",
        operation="listVms",
        access=Access.PROJECT_READ,
        owner=Owner("project"),
        summary="List the VMs of a project.",
        response=VmList,
        query=(NAME, SELECTOR, *PAGE),
    ),
    _read("", "getVm", "Show a VM.", Vm),
    _change(
        "DELETE",
        "",
        "deleteVm",
        "Delete a stopped VM and its ephemeral disks.",
        query=(
            Query("force", bool, "The VM's host is lost: don't wait for it, detach its disks."),
        ),
    ),
    _read("tasks", "listVmTasks", "List the tasks of a VM.", TaskList, *TASKS_OF),
    _change("POST", "start", "startVm", "Start a VM."),
    _change("POST", "stop", "stopVm", "Stop a VM: ask the guest, then power off.", query=_HARD),
    _change("POST", "restart", "restartVm", "Restart a VM."),
    _change("POST", "suspend", "suspendVm", "Save a VM's memory to disk and free its host's."),
    _change("POST", "resume", "resumeVm", "Let a suspended VM go on where it stopped."),
    _change("POST", "attach_disk", "attachDisk", "Attach a persistent disk.", VmDiskOperation),
    _change("POST", "detach_disk", "detachDisk", "Detach a persistent disk.", VmDiskOperation),
    Route(
        method="POST",
        path="/v1/vms/{id}/attach_iso",
        operation="attachIso",
        access=Access.PROJECT_USER,
        owner=_VM,
        summary="Upload an ISO into a VM's CD drive.",
        body=Body.FILE,
        response=Task,
        status=201,
        mutating=True,
        query=(
            Query("declaredSize", int, "Size of the file in bytes; needed only to plan an upload."),
        ),
    ),
    _change("POST", "detach_iso", "detachIso", "Take the ISO out of a VM's CD drive."),
    _change(
        "POST",
        "create_image",
        "createVmImage",
        "Make an image of a stopped VM's boot disk.",
        VmImageCreateSpec,
    ),
    _change("POST", "set_metadata", "setVmMetadata", "Replace a VM's metadata.", VmMetadata),
    _change("POST", "tags", "addVmTag", "Add a tag to a VM.", VmTag),
    _read(
        "subnets",
        "getVmSubnets",
        "Find a VM's addresses: a task with them.",
        Task,
        when_paused=False,
    ),
    _read("networks", "getVmNetworks", "The old name of /subnets.", Task, when_paused=False),
    _read("stats", "getVmStats", "Show the last hour of a VM.", VmStats),
    _read(
        "log",
        "getVmLog",
        "Show the end of a VM's serial log.",
        VmLog,
        Query("tailBytes", int, "How much of the end, 1 to 1048576 bytes (default 65536)."),
    ),
    _read(
        "mks_ticket",
        "getVmMksTicket",
        "Get a ticket to a VM's screen: a task with it.",
        Task,
        hands_out=True,
    ),
    _stream(
        "console",
        "openVmConsole",
        "Serial console: binary frames both ways.",
        takes_ticket=True,
    ),
    _stream(
        "vnc",
        "openVmVnc",
        "Screen, keyboard and mouse: RFB in binary frames, as noVNC speaks it.",
        takes_ticket=True,
    ),
    _stream("ports/{port}", "openVmPort", "Tunnel to a TCP port of the guest: binary frames."),
)
