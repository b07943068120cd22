"""Subnets: what VMs are connected to.

So far a site has one: the user networking that each host's QEMU gives its guests.
It is physical (nothing spans hosts), so existing clients see it as a subnet with a
port group.
"""

from __future__ import annotations

import msgspec

DEFAULT_ID = "5b2d3c1e-7a60-4b1f-9f6d-0c0a7e5b0001"
"""The same on every site, so that making it needs no agreement between controllers."""


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    """``reserved_ips`` are addresses by what they are for; guests get the others by DHCP."""

    id: str
    name: str
    description: str = ""
    private_ip_cidr: str = ""
    reserved_ips: dict[str, str] = {}
    state: str = "READY"
    is_default: bool = False
    port_groups: tuple[str, ...] = ()
    dns_server_addresses: tuple[str, ...] = ()
    created_ms: int = 0
    schema: int = 1


def user_subnet(created_ms: int) -> Subnet:
    """The subnet of QEMU's user networking: every guest sees the same addresses."""
    return Subnet(
        id=DEFAULT_ID,
        name="default",
        description="User networking of each host: guests reach out, and are reached by tunnels.",
        private_ip_cidr="10.0.2.0/24",
        reserved_ips={"gateway": "10.0.2.2", "dns": "10.0.2.3"},
        is_default=True,
        port_groups=("user",),
        dns_server_addresses=("10.0.2.3",),
        created_ms=created_ms,
    )
