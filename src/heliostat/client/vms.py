"""Virtual machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from heliostat.client.calls import Change, Snapshot, pages, read, snapshot
from heliostat.client.transport import Transport
from heliostat.client.tunnels import Tunnel, open_tunnel
from heliostat.client.uploads import Upload
from heliostat.wire.stats import VmStats
from heliostat.wire.tasks import Task, TaskList
from heliostat.wire.vms import (
    Vm,
    VmCreateSpec,
    VmDiskOperation,
    VmImageCreateSpec,
    VmList,
    VmLog,
    VmMetadata,
    VmTag,
)

Power = Literal["start", "stop", "restart", "suspend", "resume"]


class Vms:
    """VMs of a project, their power, disks, streams and records."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, project_id: str, spec: VmCreateSpec) -> Change[Task]:
        return Change(self._transport, "createVm", (project_id,), Task, spec)

    def list(self, project_id: str, *, name: str = "", selector: str = "") -> Iterator[Vm]:
        query = {"name": name, "selector": selector}
        return pages(self._transport, "listVms", project_id, answer=VmList, query=query)

    def snapshot(self, project_id: str, *, name: str = "", selector: str = "") -> Snapshot[Vm]:
        """The list, and the revision from which events go on."""
        query = {"name": name, "selector": selector}
        return snapshot(self._transport, "listVms", project_id, answer=VmList, query=query)

    def get(self, vm_id: str) -> Vm:
        return read(self._transport, "getVm", vm_id, answer=Vm)

    def delete(self, vm_id: str, *, force: bool = False) -> Change[Task]:
        """``force`` is for a VM whose host is lost: it is not waited for."""
        query = {"force": "true"} if force else {}
        return Change(self._transport, "deleteVm", (vm_id,), Task, query=query)

    def tasks(self, vm_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listVmTasks", vm_id, answer=TaskList, query=query)

    def power(self, vm_id: str, verb: Power) -> Change[Task]:
        return Change(self._transport, f"{verb}Vm", (vm_id,), Task)

    def attach_disk(self, vm_id: str, disk_id: str) -> Change[Task]:
        body = VmDiskOperation(disk_id=disk_id)
        return Change(self._transport, "attachDisk", (vm_id,), Task, body)

    def detach_disk(self, vm_id: str, disk_id: str) -> Change[Task]:
        body = VmDiskOperation(disk_id=disk_id)
        return Change(self._transport, "detachDisk", (vm_id,), Task, body)

    def attach_iso(self, vm_id: str, path: Path, *, name: str) -> Upload:
        """Describe an upload; ``dataclasses.replace`` sets its ``progress``."""
        return Upload(self._transport, path, name, "attachIso", (vm_id,))

    def detach_iso(self, vm_id: str) -> Change[Task]:
        return Change(self._transport, "detachIso", (vm_id,), Task)

    def create_image(
        self, vm_id: str, name: str, *, replication: str = "ON_DEMAND"
    ) -> Change[Task]:
        """Make an image of a stopped VM; the task's entity is the image."""
        body = VmImageCreateSpec(name=name, replication_type=replication)
        return Change(self._transport, "createVmImage", (vm_id,), Task, body)

    def set_metadata(self, vm_id: str, metadata: Mapping[str, str]) -> Change[Task]:
        body = VmMetadata(metadata=dict(metadata))
        return Change(self._transport, "setVmMetadata", (vm_id,), Task, body)

    def add_tag(self, vm_id: str, tag: str) -> Change[Task]:
        return Change(self._transport, "addVmTag", (vm_id,), Task, VmTag(value=tag))

    def networks(self, vm_id: str) -> Task:
        """A task whose ``resource_properties`` hold ``networkConnections``."""
        return read(self._transport, "getVmSubnets", vm_id, answer=Task)

    def stats(self, vm_id: str) -> VmStats:
        return read(self._transport, "getVmStats", vm_id, answer=VmStats)

    def log(self, vm_id: str, *, tail_bytes: int = 65536) -> VmLog:
        query = {"tailBytes": tail_bytes}
        return read(self._transport, "getVmLog", vm_id, answer=VmLog, query=query)

    def console(self, vm_id: str) -> Tunnel:
        """The serial console; one caller at a time (``ConsoleInUse``)."""
        return open_tunnel(self._transport, "openVmConsole", vm_id)

    def mks_ticket(self, vm_id: str) -> Task:
        """A task whose ``resource_properties`` hold a one-time ``ticket`` to the screen."""
        return read(self._transport, "getVmMksTicket", vm_id, answer=Task)

    def screen(self, vm_id: str) -> Tunnel:
        """The screen, keyboard and mouse as a VNC server speaks of them (RFB)."""
        return open_tunnel(self._transport, "openVmVnc", vm_id)

    def port(self, vm_id: str, port: int) -> Tunnel:
        """A TCP port of the guest (``GuestUnreachable`` if nothing listens)."""
        return open_tunnel(self._transport, "openVmPort", vm_id, str(port))
