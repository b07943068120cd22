"""How far inside an address lies, and where a provider may lead us.  Pure.

A provider's documents name further addresses.  None may lie further inside than the provider
itself does: one on the internet leads to nothing in our networks, whatever it writes.  That is
beside what the operator bounds for all (``identity.reach``).
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import ip_address


class Depth(IntEnum):
    """Where an address lies, outermost first."""

    INTERNET = 0
    OWN_NETWORKS = 1
    THIS_MACHINE = 2
    NOWHERE = 3
    """Link-local, multicast and unspecified addresses: metadata services and worse."""


INNERMOST = Depth.NOWHERE


def depth_of(address: str) -> Depth:
    """The depth of an IP address; ``NOWHERE`` for what is none."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return Depth.NOWHERE
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback:
        return Depth.THIS_MACHINE
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return Depth.NOWHERE
    return Depth.INTERNET if ip.is_global else Depth.OWN_NETWORKS


def may_lead(provider: Depth, to: Depth) -> bool:
    """Whether a provider that lies at ``provider`` may name an address that lies at ``to``."""
    return to <= provider
