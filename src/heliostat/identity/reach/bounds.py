"""Whether an address may be connected to that somebody else chose.  Pure.

Private networks may: directories, programs and the hosts of tenants lie there.  This machine
itself and what is nearer to it than to the tenant may not, in whatever form it is written,
unless the operator says so (``identity.reach``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from heliostat.identity.reach.options import ReachOptions

Address = IPv4Address | IPv6Address
_TRANSLATED = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),
)
"""IPv6 addresses that stand for IPv4 ones (RFC 6052, RFC 8215, RFC 4291, RFC 2765)."""
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_METADATA = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
"""Where clouds tell machines their secrets, outside of link-local addresses: Alibaba, Azure,
Oracle and Amazon say so in their manuals."""


def refusal(address: str, options: ReachOptions, also: Sequence[str] = ()) -> str:
    """Why ``address`` may not be connected to, as the end of a sentence; empty if it may.

    ``also`` are further networks that are allowed.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return "is no address"  # 127.1 and its kin are addresses for whoever dials only
    plain: Address = getattr(found, "ipv4_mapped", None) or found
    if any(plain in each for each in _networks((*options.allowed, *also))):
        return ""
    if any(plain in each for each in _networks(options.barred)):
        return "lies in a network that the operator has barred"
    return _kind(plain)


def _kind(address: Address) -> str:
    """What is wrong with an address that nobody spoke of."""
    if isinstance(address, IPv6Address):
        inside = address.sixtofour or address.teredo
        if not address.is_loopback and (inside or any(address in each for each in _TRANSLATED)):
            return "is an IPv4 address in disguise"
        if address.is_site_local:
            return "is site-local, which RFC 3879 gave up"
    if address.is_loopback:
        return "is the controller's own machine"
    if address.is_link_local or address in _METADATA:
        return "is link-local, or where a cloud tells machines their secrets"
    unusable = address.is_multicast or address.is_unspecified or address.is_reserved
    if unusable or address in _THIS_NETWORK:
        return "is no single machine's address"
    return ""


@lru_cache(maxsize=64)
def _networks(spelled: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(map(ip_network, spelled))
