"""Keys through which controller and agents meet.

The controller writes desired documents, the agent's gateway writes reported
ones; the structs are those of :mod:`heliostat.agentlink.messages`.
"""

from __future__ import annotations

VM = "vm"
DISK = "disk"
IMAGE = "image"
CAPTURE = "capture"


DESIRED = "/v1/desired/"
REPORTED = "/v1/reported/"


def desired_prefix(host_id: str) -> str:
    """Everything that the agent of a host shall make true."""
    return f"/v1/desired/{host_id}/"


def desired_key(host_id: str, kind: str, entity_id: str) -> str:
    """What the agent of a host shall make true of one entity."""
    return f"/v1/desired/{host_id}/{kind}/{entity_id}"


def reported_prefix(host_id: str) -> str:
    """Everything that the agent of a host last said."""
    return f"/v1/reported/{host_id}/"


def reported_key(host_id: str, kind: str, entity_id: str) -> str:
    """What the agent of a host last said of one entity."""
    return f"/v1/reported/{host_id}/{kind}/{entity_id}"


def agent_key(host_id: str) -> str:
    """Exists while the link to the agent of the host is up."""
    return f"/lease/agent/{host_id}"
