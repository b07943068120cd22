"""Where validation may reach: names are resolved here, judged, and then dialled by address.

Whoever may order a certificate chooses the name, and thereby whom the controller talks to: a
tenant's hosts, most of them in private networks.  So the site's ``Gate`` judges, as it does for
all addresses that tenants choose; ``identity.authority.validation.reachable`` opens networks to
validation alone.  The address that was judged is the one that is dialled.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from heliostat.identity.acme.problems import Problem
from heliostat.identity.authority.options import ValidationOptions
from heliostat.identity.reach.gate import Gate, OutOfReach
from heliostat.identity.reach.options import ReachOptions

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)


class Reach:
    """Resolves names with the servers that were set, or the machine's own."""

    def __init__(self, options: ValidationOptions, site: ReachOptions) -> None:
        self._options = options
        self.gate = Gate(site, options.reachable)

    async def addresses(self, host: str) -> list[str]:
        """Where ``host`` may be dialled, IPv4 first; raises ``Problem``."""
        try:
            found = [str(ip_address(host.strip("[]")))]
        except ValueError:
            if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
                # 2130706433, 127.1, 0x7f.1: addresses for whoever dials, names for name servers
                raise Problem(
                    "connection", f"{host[:80]} is neither a name nor an address."
                ) from None
            found = [
                str(each.address) for kind in ("A", "AAAA") for each in await self._ask(host, kind)
            ]
        if not found:
            raise Problem("connection", f"{host} has no address.")
        try:
            return self.gate.allowed(host, found)
        except OutOfReach as error:
            raise Problem("connection", f"{error.sentence}.") from error

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
