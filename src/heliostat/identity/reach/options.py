"""What an operator sets about where the site's own connections may go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network


@dataclass(frozen=True, slots=True)
class ReachOptions:
    """Where addresses may lead that tenants name: identity sources, other providers, programs that
    are told of a sign-out, names in ACME orders."""

    allowed: tuple[str, ...] = ()
    """Networks (CIDR) that may be reached although they are this machine's own (127.0.0.0/8,
    ::1), link-local (169.254.0.0/16, where clouds tell secrets to machines) or barred; none:
    no tenant can have the controller ask itself or its neighbours. It counts for every tenant,
    the system's too."""
    barred: tuple[str, ...] = ()
    """Networks (CIDR) that are refused, too, such as that of the hosts' management; with
    0.0.0.0/0 and ::/0 only what is allowed is left."""

    def faults(self) -> Iterator[tuple[str, str]]:
        for name in ("allowed", "barred"):
            for each in getattr(self, name):
                try:
                    ip_network(each)
                except ValueError as error:
                    yield name, str(error)
