"""Hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.hosts import (
    Host,
    HostCreateSpec,
    HostList,
    JoinToken,
    SafeToStop,
    SetZoneOperation,
)
from heliostat.wire.stats import HostStats
from heliostat.wire.tasks import Task, TaskList
from heliostat.wire.vms import Vm, VmList

Mode = Literal["provision", "suspend", "resume", "enter-maintenance", "exit-maintenance"]

_MODES: dict[Mode, str] = {
    "provision": "provisionHost",
    "suspend": "suspendHost",
    "resume": "resumeHost",
    "enter-maintenance": "enterHostMaintenance",
    "exit-maintenance": "exitHostMaintenance",
}


class Hosts:
    """The machines that run VMs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: HostCreateSpec) -> Change[Task]:
        return Change(self._transport, "createHost", (), Task, spec)

    def join_token(self, host_id: str) -> Change[JoinToken]:
        """A one-time token for the host's agent."""
        return Change(self._transport, "createJoinToken", (host_id,), JoinToken)

    def list(
        self, *, selector: str = "", state: str = "", zone: str = "", usage: str = ""
    ) -> Iterator[Host]:
        """``zone`` is an id; ``usage`` is CLOUD or MGMT."""
        query = {"selector": selector, "state": state, "zone": zone, "usageTag": usage}
        return pages(self._transport, "listHosts", answer=HostList, query=query)

    def get(self, host_id: str) -> Host:
        return read(self._transport, "getHost", host_id, answer=Host)

    def delete(self, host_id: str) -> Change[Task]:
        return Change(self._transport, "deleteHost", (host_id,), Task)

    def set_mode(self, host_id: str, mode: Mode) -> Change[Task]:
        return Change(self._transport, _MODES[mode], (host_id,), Task)

    def set_zone(self, host_id: str, zone_id: str) -> Change[Task]:
        """Put a host that is in no zone into one."""
        spec = SetZoneOperation(availability_zone_id=zone_id)
        return Change(self._transport, "setHostAvailabilityZone", (host_id,), Task, spec)

    def safe_to_stop(self, host_id: str) -> SafeToStop:
        return read(self._transport, "isHostSafeToStop", host_id, answer=SafeToStop)

    def vms(self, host_id: str, *, selector: str = "") -> Iterator[Vm]:
        query = {"selector": selector}
        return pages(self._transport, "listHostVms", host_id, answer=VmList, query=query)

    def stats(self, host_id: str) -> HostStats:
        return read(self._transport, "getHostStats", host_id, answer=HostStats)

    def tasks(self, host_id: str, *, state: str = "") -> Iterator[Task]:
        query = {"state": state}
        return pages(self._transport, "listHostTasks", host_id, answer=TaskList, query=query)
