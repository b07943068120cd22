"""The seam through which workflows ask agents questions.

Waiting for an agent goes through documents; only what no document should carry
(what lies about in a datastore, fresh facts) is asked for directly.
"""

from __future__ import annotations

from typing import Any, Protocol

from heliostat.core.errors import TemporaryError


class AgentsPort(Protocol):
    """Asks the agents that are connected to this controller."""

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        """The agent's answer; raises ``AgentUnavailable`` or the agent's fault."""


class NoAgents:
    """Nobody is connected."""

    async def request(self, host_id: str, method: str, params: dict[str, Any]) -> Any:
        del method, params
        raise TemporaryError("AgentUnavailable", f"The agent of host {host_id} is not connected.")
