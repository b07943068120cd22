"""How far a site is from one root to the next: who knows it, and what lives under the old one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from heliostat.cloudstore.documents import walk
from heliostat.identity.authority.moves import Snapshot
from heliostat.identity.authority.records import (
    ALL_CERTIFICATES,
    HOST_TRUST,
    OWN,
    ROOTS,
    RootState,
    certificates,
)
from heliostat.identity.authority.roots import Roots
from heliostat.identity.options import SYSTEM_TENANT

Hosts = Callable[[], Awaitable[Collection[str]]]
"""The ids of the site's hosts."""


async def snapshot(roots: Roots, hosts_of: Hosts) -> Snapshot:
    """How it stands, read from the store."""
    found = [each.value for each in await ROOTS.all(roots.store)]
    by_state = {each.state: each for each in found}
    next_, old = by_state.get(RootState.NEXT), by_state.get(RootState.RETIRING)
    requested = by_state.get(RootState.REQUESTED)
    if next_ is None and old is None:
        return Snapshot(requested=requested.id if requested else "")
    hosts = set(await hosts_of())
    trust = {each.value.id: each.value for each in await HOST_TRUST.all(roots.store)}
    known = [trust[host] for host in hosts if host in trust]
    since_ms = old.changed_ms if old is not None else 0
    count, until_ms = await _shown_with(roots, since_ms) if old is not None else (0, 0)
    return Snapshot(
        requested=requested.id if requested else "",
        next=next_.id if next_ is not None else "",
        retiring=old.id if old is not None else "",
        hosts=len(hosts),
        hosts_told=sum(next_ is not None and next_.id in each.roots for each in known),
        hosts_renewed=sum(
            old is not None and bool(each.issuer) and each.issuer != old.id for each in known
        ),
        under_old=count,
        under_old_until_ms=until_ms,
    )


async def _shown_with(roots: Roots, switched_ms: int) -> tuple[int, int]:
    """Certificates of all tenants from before the switch that still count, and their last end.

    Whoever has one shows it with the chain of then, below the old root.  Those of hosts
    and controllers are left out: they renew by themselves, and hosts are counted apart.
    """
    now_ms = roots.clock.now_ms()
    ends: dict[str, int] = {}
    renewed: set[str] = set()
    kind = certificates(SYSTEM_TENANT)  # reads those of any tenant
    async for document in walk(roots.store, ALL_CERTIFICATES):
        each = kind.read(document).value
        renewed.add(each.replaces)
        before = each.created_ms <= switched_ms
        if before and each.via not in OWN and each.is_active(now_ms):
            ends[each.id] = each.not_after_ms
    left = [end for id_, end in ends.items() if id_ not in renewed]
    return len(left), max(left, default=0)
