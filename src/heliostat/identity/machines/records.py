"""What is kept of machines that are about to join; ``directory.records`` has those that did."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.documents import Kind


class MachineJoin(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's join token; ``id`` is the hash of its secret, ``key`` whose it is once used.

    ``since`` is when the computer that it is for was made: one of the same name is another.
    """

    id: str
    computer: str
    expires_ms: int
    project: str = ""
    vm: str = ""
    key: str = ""
    since: int = 0
    schema: int = 1


def machine_joins_of(tenant_id: str) -> Kind[MachineJoin]:
    """A tenant's join tokens."""
    return Kind(f"machine-join/{tenant_id}", MachineJoin)
