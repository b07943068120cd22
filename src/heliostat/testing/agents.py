"""Agents as the API sees them, without any: canned answers and an echoing guest.

``away`` holds the hosts whose agent does not answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from heliostat.controller.api.ports import IssuedJoin
from heliostat.core.errors import TemporaryError

JOIN_LIFETIME_MS = 3_600_000


class EchoStream:
    """A guest that answers what it hears; ends when it is closed or hears ``bye``."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def read(self) -> bytes:
        return await self._heard.get()

    async def write(self, data: bytes) -> None:
        self._heard.put_nowait(b"" if data == b"bye" else data)

    async def close(self) -> None:
        self.closed.set()
        self._heard.put_nowait(b"")


class CannedAgents:
    """A ``HostsPort``: every host answers the same, but for those that are away."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.away: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.streams: list[EchoStream] = []

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        self._refuse_if_away(host_id)
        self.asked.append((host_id, method, params))
        return self._answer(method)

    async def open_tunnel(
        self, host_id: str, vm_id: str, kind: str, port: int | None
    ) -> EchoStream:
        self._refuse_if_away(host_id)
        self.asked.append((host_id, "tunnel", {"vm": vm_id, "kind": kind, "port": port}))
        self.streams.append(EchoStream())
        return self.streams[-1]

    async def issue_join_token(self, host_id: str) -> IssuedJoin:
        return IssuedJoin(f"hjt1.{host_id}", self._now_ms + JOIN_LIFETIME_MS)

    def _refuse_if_away(self, host_id: str) -> None:
        if host_id in self.away:
            raise TemporaryError(
                "AgentUnavailable", f"The agent of host {host_id} is not connected."
            )

    def _answer(self, method: str) -> Any:
        if method == "vm.networks":
            return {"networkConnections": [_CONNECTION]}
        if method == "vm.log":
            return {"text": "Welcome to web-2\nweb-2 login: "}
        if method == "vm.stats":
            return {"samples": [{"at_ms": self._now_ms, **_VM_SAMPLE}]}
        if method == "host.stats":
            return {"samples": [{"at_ms": self._now_ms, **_HOST_SAMPLE}]}
        raise AssertionError(f"the API asks an agent for {method}")


_CONNECTION = {
    "network": "user",
    "macAddress": "52:54:00:01:02:03",
    "ipAddress": "10.0.2.15",
    "netmask": "255.255.255.0",
    "isConnected": "True",
}
_VM_SAMPLE = {
    "cpu_percent": 12.5,
    "memory_rss_mib": 201.0,
    "disk_read_bytes_per_s": 4096.0,
    "disk_write_bytes_per_s": 8192.0,
    "net_rx_bytes_per_s": 100.0,
    "net_tx_bytes_per_s": 50.0,
}
_HOST_SAMPLE = {
    "cpu_percent": 40.0,
    "memory_used_mib": 2048.0,
    "memory_total_mib": 8192.0,
    "disk_used_bytes": 10_000_000_000,
    "disk_total_bytes": 100_000_000_000,
    "net_rx_bytes_per_s": 1000.0,
    "net_tx_bytes_per_s": 2000.0,
    "guests_running": 1,
}
