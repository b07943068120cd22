"""The site itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heliostat.client.calls import Change, path_of, read
from heliostat.client.transport import Request, Transport
from heliostat.wire.body import SecurityGroupsSpec
from heliostat.wire.system import (
    AuthInfo,
    Info,
    SystemInfo,
    SystemProperties,
    SystemPropertiesSpec,
    SystemProperty,
    SystemStatus,
    SystemUsage,
)
from heliostat.wire.tasks import Task
from heliostat.wire.vms import Vm, VmList


class System:
    """Is it there, what is it, is it well."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def available(self) -> None:
        """Returns when the node may serve; raises ``Unreachable`` and the like otherwise."""
        self._transport.send(Request("GET", path_of("getAvailable")))

    def auth(self) -> AuthInfo:
        request = Request("GET", path_of("getSystemAuth"))
        return self._transport.fetch_unsigned(request, AuthInfo)

    def info(self) -> Info:
        return read(self._transport, "getInfo", answer=Info)

    def details(self) -> SystemInfo:
        return read(self._transport, "getSystemInfo", answer=SystemInfo)

    def status(self) -> SystemStatus:
        return read(self._transport, "getSystemStatus", answer=SystemStatus)

    def usage(self) -> SystemUsage:
        return read(self._transport, "getSystemUsage", answer=SystemUsage)

    def vms(self) -> list[Vm]:
        """VMs that carry the control plane."""
        return read(self._transport, "listSystemVms", answer=VmList).items

    def pause(self) -> Change[Task]:
        """Answer only what reads, and rest in the background."""
        return Change(self._transport, "pauseSystem", (), Task)

    def pause_background(self) -> Change[Task]:
        """Rest in the background; everything is answered."""
        return Change(self._transport, "pauseBackgroundTasks", (), Task)

    def resume(self) -> Change[Task]:
        return Change(self._transport, "resumeSystem", (), Task)

    def set_security_groups(self, groups: Sequence[str]) -> Change[Task]:
        """Who administers the site, beside the built-in group."""
        spec = SecurityGroupsSpec(items=[*groups])
        return Change(self._transport, "setSystemSecurityGroups", (), Task, spec)

    def properties(self) -> dict[str, SystemProperty]:
        """Settings that can be changed at run time."""
        answer = SystemProperties
        return read(self._transport, "getSystemProperties", answer=answer).properties

    def update_properties(self, changes: Mapping[str, Any]) -> Change[Task]:
        """``None`` puts back what the settings file says."""
        spec = SystemPropertiesSpec(properties=dict(changes))
        return Change(self._transport, "updateSystemProperties", (), Task, spec)
