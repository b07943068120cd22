"""What is kept of machines that are about to join; ``directory.records`` has those that did."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.documents import Kind


class MachineJoin(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's join token; ``id`` is the hash of its secret, ``key`` whose it is once used."""

    id: str
    computer: str
    expires_ms: int
    project: str = ""
    vm: str = ""
    key: str = ""
    schema: int = 1


def machine_joins_of(tenant_id: str) -> Kind[MachineJoin]:
    """A tenant's join tokens."""
    return Kind(f"machine-join/{tenant_id}", MachineJoin)
