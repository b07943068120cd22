"""The site itself."""

from __future__ import annotations

from heliostat.client.calls import path_of, read
from heliostat.client.transport import Request, Transport
from heliostat.wire.system import (
    AuthInfo,
    Info,
    SystemInfo,
    SystemStatus,
    SystemUsage,
    SystemVmList,
)


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

    def vms(self) -> list[dict[str, str]]:
        return read(self._transport, "listSystemVms", answer=SystemVmList).items
