"""Where validation may reach: names are resolved here, judged, and then dialled by address.

Whoever may order a certificate chooses the name, and thereby whom the controller talks to.
So loopback, link-local, private and other special addresses are out of reach unless
``identity.authority.validation.reachable`` names them, and the address that was judged is
the one that is dialled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from heliostat.identity.acme.problems import Problem
from heliostat.identity.authority.options import ValidationOptions

Address = IPv4Address | IPv6Address
_TRANSLATED = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),
)
"""IPv6 addresses that stand for IPv4 ones (RFC 6052, RFC 8215, RFC 4291, RFC 2765)."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)


def may_reach(address: Address, reachable: Sequence[str]) -> bool:
    """Pure: whether an address is one of the open network, or was allowed."""
    plain: Address = address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        plain = address.ipv4_mapped
    if any(plain in ip_network(each) for each in reachable):
        return True
    if isinstance(plain, IPv6Address) and (
        plain.sixtofour or plain.teredo or any(plain in each for each in _TRANSLATED)
    ):
        return False  # an IPv4 address in disguise
    if isinstance(plain, IPv6Address) and plain.is_site_local:
        return False  # "global" for the library, since RFC 3879 gave them up
    return plain.is_global and not plain.is_multicast


class Reach:
    """Resolves names with the servers that were set, or the machine's own."""

    def __init__(self, options: ValidationOptions) -> None:
        self._options = options

    async def addresses(self, host: str) -> list[str]:
        """Where ``host`` may be dialled, IPv4 first; raises ``Problem``."""
        try:
            found: list[Address] = [ip_address(host.strip("[]"))]
        except ValueError:
            if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
                # 2130706433, 127.1, 0x7f.1: addresses for whoever dials, names for name servers
                raise Problem(
                    "connection", f"{host[:80]} is neither a name nor an address."
                ) from None
            found = [
                ip_address(each.address)
                for kind in ("A", "AAAA")
                for each in await self._ask(host, kind)
            ]
        allowed = [str(each) for each in found if may_reach(each, self._options.reachable)]
        if not allowed:
            told = ", ".join(map(str, found[:3])) or "no address"
            raise Problem("connection", f"{host} has {told}, which validation does not reach.")
        return allowed

    async def texts(self, name: str) -> list[bytes]:
        """The TXT records at ``name``; raises ``Problem``."""
        return [b"".join(each.strings) for each in await self._ask(name, "TXT")]

    async def _ask(self, name: str, kind: str) -> Sequence[Any]:
        """Empty where there is nothing; raises ``Problem`` where nobody answers."""
        import dns.asyncresolver
        import dns.exception
        import dns.nameserver
        import dns.resolver

        resolver = dns.asyncresolver.Resolver(configure=not self._options.nameservers)
        if self._options.nameservers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(*_server(each)) for each in self._options.nameservers
            ]
        resolver.lifetime = self._options.timeout_s
        try:
            return list(await resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            told = f"{type(error).__name__} for {kind} of {name}"
            raise Problem("dns", f"The name servers do not answer: {told}.") from error


def _server(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (host.count(":") == 0 or host.startswith("[")):
        return host.strip("[]"), int(port)
    return text, 53
