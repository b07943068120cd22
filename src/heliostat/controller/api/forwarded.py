"""The address that a client used, and its own, where proxies stand between (pure).

``X-Forwarded-Proto``, ``X-Forwarded-Host`` and ``X-Forwarded-For`` are believed only
from proxies that the settings name: anybody can send them.  What is no scheme, host
or address is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SCHEMES = ("http", "https")


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks in CIDR notation; raises ``ValueError`` for anything else."""
    return tuple(ip_network(text, strict=False) for text in texts)


def base_url(
    scheme: str,
    host: str,
    peer: str | None,
    headers: Mapping[str, str],
    trusted: tuple[Network, ...],
) -> str:
    """Scheme and authority for absolute links; ``peer`` is the address of who is connected."""
    if trusted and _is_in(peer, trusted):
        told = _first(headers, "X-Forwarded-Proto").lower()
        scheme = told if told in _SCHEMES else scheme
        told = _first(headers, "X-Forwarded-Host")
        host = told if _HOST.fullmatch(told) else host
    return f"{scheme}://{host}"


def client_address(
    peer: str | None, told: Iterable[str], trusted: tuple[Network, ...]
) -> str | None:
    """The address of who asked; ``told`` are the values of ``X-Forwarded-For``.

    Each proxy adds at the end whom it was asked by, so they are believed from there
    back to the first address that is no proxy of ours: what lies before it, that client
    may have made up.
    """
    address = peer
    further = [each.strip() for value in told for each in value.split(",")]
    while further and _is_in(address, trusted) and _is_address(further[-1]):
        address = further.pop()
    return address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(peer: str | None, trusted: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False  # a Unix socket
    return any(address in network for network in trusted)


def _first(headers: Mapping[str, str], name: str) -> str:
    """The value that the proxy nearest to the client set."""
    return headers.get(name, "").partition(",")[0].strip()
