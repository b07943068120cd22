"""Hosts that were removed: what they prove themselves with is taken back.

The gate turns them away by itself; this ends a link that is still up, and tells
everybody else who asks lists or OCSP.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.identity.authority.host_names import HOST_SAN
from heliostat.identity.authority.issuer import PLATFORM
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.records import CESSATION, HOST_TRUST


async def take_back_departed(
    store: CloudStore,
    clock: Clock,
    certificates: Certificates,
    hosts: Callable[[], Awaitable[Collection[str]]],
) -> int:
    """Revoke the certificates of hosts that are no more, and forget them; gives how many."""
    known = await HOST_TRUST.all(store)  # before the hosts: one is there before it is certified
    present = set(await hosts()) if known else set()
    departed = [each for each in known if each.value.id not in present]
    for each in departed:
        name = f"uri:{HOST_SAN}{each.value.id}"
        for found in await certificates.kind.by_index(store, "name", name):
            if found.value.is_active(clock.now_ms()):
                own = Asker(PLATFORM, administers=True)
                await certificates.revoke(found.value.id, CESSATION, own)
        with contextlib.suppress(GuardFailed):  # another controller forgets it at this moment
            await store.commit([HOST_TRUST.guard(each)], HOST_TRUST.delete(each.value))
    return len(departed)
