"""The platform's hosts and sign-in in the shapes that the API asks for."""

from __future__ import annotations

from typing import Any

from heliostat.agentlink.transport import Tunnel
from heliostat.controller.api.ports import IssuedJoin
from heliostat.controller.gateway.gateway import Gateway
from heliostat.identity.authority.join import Joins


class Hosts:
    """Agents' connections (the gateway's) and join tokens (sign-in's) as one port."""

    def __init__(self, gateway: Gateway, joins: Joins) -> None:
        self._gateway = gateway
        self._joins = joins

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        return await self._gateway.request(host_id, method, params)

    async def open_tunnel(self, host_id: str, vm_id: str, kind: str, port: int | None) -> Tunnel:
        return await self._gateway.open_tunnel(host_id, vm_id, kind, port)

    async def issue_join_token(self, host_id: str) -> IssuedJoin:
        issued = await self._joins.issue(host_id)
        return IssuedJoin(issued.token, issued.expires_ms)
