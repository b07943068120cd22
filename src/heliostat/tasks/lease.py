"""A worker's lease: ``/lease/worker/<id>`` exists while the worker lives.

The holder takes the lease for lost when the store says so, or when it could not
renew it for ``HELD_FRACTION`` of its time to live by its own clock: it has then
stopped before the store gives its tasks to somebody else.  The fence refuses
what a holder commits that notices too late (a process that was suspended).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import NoReturn

from heliostat.cloudstore.contract import CloudStore, Lease, LeaseLost, StoreUnavailable, lease_key
from heliostat.core.clock import Clock

log = logging.getLogger(__name__)

RENEWALS_PER_TTL = 5
HELD_FRACTION = 0.8


def worker_lease(worker_id: str) -> str:
    """Name of the lease of a worker."""
    return f"worker/{worker_id}"


WORKERS_PREFIX = lease_key(worker_lease(""))


class WorkerLease:
    """Takes, keeps and gives back the lease of one worker (``owner``: one process of it)."""

    def __init__(
        self, store: CloudStore, clock: Clock, *, worker_id: str, owner: str, ttl_s: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._name = worker_lease(worker_id)
        self._owner = owner
        self._ttl_s = ttl_s

    async def take(self) -> Lease:
        """The lease, as soon as nobody else holds it."""
        while True:
            try:
                lease = await self._store.acquire(self._name, self._owner, self._ttl_s)
            except StoreUnavailable as error:
                log.warning("%s: %s", self._name, error)
                lease = None
            if lease is not None:
                return lease
            await self._clock.sleep(self._ttl_s / RENEWALS_PER_TTL)

    async def keep(self, lease: Lease) -> NoReturn:
        """Renew until the lease is lost; then raise ``LeaseLost``."""
        deadline_s = self._clock.monotonic_s() + self._ttl_s * HELD_FRACTION
        while True:
            left_s = deadline_s - self._clock.monotonic_s()
            await self._clock.sleep(max(0.0, min(self._ttl_s / RENEWALS_PER_TTL, left_s)))
            began_s = self._clock.monotonic_s()
            if await self._renewed(lease, deadline_s - began_s):
                deadline_s = began_s + self._ttl_s * HELD_FRACTION
            elif self._clock.monotonic_s() >= deadline_s:
                raise LeaseLost(lease)

    async def give_back(self, lease: Lease) -> None:
        """Release the lease, so that its tasks are taken over at once."""
        try:
            released = await self._within(self._store.release(lease), self._ttl_s)
        except StoreUnavailable:
            released = False
        if not released:
            log.info("%s is not released; it ends by itself within %g s", self._name, self._ttl_s)

    async def _renewed(self, lease: Lease, within_s: float) -> bool:
        """Whether the store renewed in time; raises ``LeaseLost`` when it says it is gone."""
        try:
            return await self._within(self._store.renew(lease), within_s)
        except StoreUnavailable:
            return False

    async def _within(self, call: Awaitable[None], within_s: float) -> bool:
        """Whether the call returned in time by the injected clock; raises what it raises."""
        calling = asyncio.ensure_future(call)
        limit = asyncio.ensure_future(self._clock.sleep(max(0.0, within_s)))
        try:
            await asyncio.wait((calling, limit), return_when=asyncio.FIRST_COMPLETED)
            if calling.done():
                calling.result()
            return calling.done()
        finally:
            calling.cancel()
            limit.cancel()
            await asyncio.gather(calling, limit, return_exceptions=True)
