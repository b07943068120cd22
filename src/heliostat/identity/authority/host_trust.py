"""What hosts were told to trust, and who certified them last: what a change of roots waits for."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.identity.authority.records import HOST_TRUST, HostTrust
from heliostat.identity.decided import Decided, settle


async def remember(store: CloudStore, host_id: str, **changes: object) -> None:
    """What a host was told or given; nothing is written where nothing changed."""

    async def decide() -> Decided[None]:
        stored = await HOST_TRUST.get(store, host_id)
        old = stored.value if stored is not None else HostTrust(id=host_id)
        new = msgspec.structs.replace(old, **changes)
        if stored is not None and new == old:
            return Decided(None, [], [])
        guard = HOST_TRUST.guard(stored) if stored is not None else HOST_TRUST.absent(host_id)
        return Decided(None, [guard], HOST_TRUST.put(new))

    await settle(store, decide)
