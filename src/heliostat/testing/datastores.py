"""Agents that answer questions about their datastores, without any agent.

``LeftoverAgents`` is an ``AgentsPort``: each host tells what it was given here, and
removes on order what it was given, unless it is needed after all.
"""

from __future__ import annotations

from typing import Any

import msgspec

from heliostat.agentlink.messages import Clearance, Cleared, Leftover
from heliostat.core.errors import TemporaryError


class LeftoverAgents:
    """``found`` by host; hosts that are not in it don't answer; ``orders`` is what was heard."""

    def __init__(self) -> None:
        self.found: dict[str, list[Leftover]] = {}
        self.needed: set[str] = set()
        self.orders: list[tuple[str, Clearance]] = []

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        if host_id not in self.found:
            raise TemporaryError(
                "AgentUnavailable", f"The agent of host {host_id} is not connected."
            )
        if method == "host.leftovers":
            return {"leftovers": msgspec.to_builtins(self.found[host_id])}
        assert method == "host.clear", method
        order = msgspec.convert(params, type=Clearance)
        self.orders.append((host_id, order))
        removed = tuple(name for name in order.names if name not in self.needed)
        for held in self.found.values():  # what hosts share is gone for all of them
            held[:] = [each for each in held if each.name not in removed]
        kept = {name: "It is needed here." for name in order.names if name in self.needed}
        return msgspec.to_builtins(Cleared(removed=removed, kept=kept))
