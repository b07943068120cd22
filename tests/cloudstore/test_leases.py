"""Conformance: leases are exclusive, fenced, renewed without commits, and expire by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from heliostat.cloudstore.contract import (
    CloudStore,
    Event,
    GuardFailed,
    Lease,
    LeaseLost,
    Put,
    lease_key,
)
from heliostat.testing.clock import VirtualClock
from heliostat.testing.stores import Open, open_sqlite

BOUND_S = 20.0


async def taken(store: CloudStore, name: str, owner: str, ttl_s: float = 10.0) -> Lease:
    lease = await store.acquire(name, owner, ttl_s)
    assert lease is not None
    return lease


async def next_event(watch: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(BOUND_S):
        return await anext(watch)


async def test_a_lease_has_one_owner(store: CloudStore) -> None:
    lease = await taken(store, "worker/1", "one")
    assert await store.acquire("worker/1", "two", 10.0) is None
    document = await store.get("/lease/worker/1")
    assert document is not None
    assert document.revision == lease.fence
    assert msgspec.json.decode(document.value)["owner"] == "one"
    await store.release(lease)
    assert await store.get("/lease/worker/1") is None
    assert (await taken(store, "worker/1", "two")).fence > lease.fence


async def test_of_many_takers_one_gets_it(store: CloudStore) -> None:
    leases = await asyncio.gather(*(store.acquire("x", f"owner {n}", 10.0) for n in range(20)))
    assert sum(lease is not None for lease in leases) == 1


async def test_its_owner_may_take_it_again_and_fences_off_himself(store: CloudStore) -> None:
    first = await taken(store, "x", "one")
    second = await taken(store, "x", "one")
    assert second.fence > first.fence
    with pytest.raises(LeaseLost):
        await store.renew(first)
    await store.release(first)
    await store.renew(second)
    with pytest.raises(GuardFailed):
        await store.commit([first.guard()], [Put("/v1/a", b"")])
    await store.commit([second.guard()], [Put("/v1/a", b"")])


async def test_a_lease_that_is_not_renewed_expires_with_an_event(
    store: CloudStore, clock: VirtualClock
) -> None:
    lease = await taken(store, "x", "one", 10.0)
    watch = store.watch("/lease/", lease.fence)
    await clock.advance(9.0)
    await store.renew(lease)
    await clock.advance(9.0)
    assert await store.get("/lease/x") is not None
    await clock.advance(2.0)
    event = await next_event(watch)
    assert (event.key, event.value) == ("/lease/x", None)
    with pytest.raises(LeaseLost):
        await store.renew(lease)
    with pytest.raises(GuardFailed):
        await store.commit([lease.guard()], [Put("/v1/a", b"")])


async def test_renewing_is_no_commit(store: CloudStore) -> None:
    lease = await taken(store, "x", "one")
    for _ in range(10):
        await store.renew(lease)
    assert await store.revision() == lease.fence


async def test_leases_expire_each_in_its_time(store: CloudStore, clock: VirtualClock) -> None:
    ttls = {"long": 30.0, "short": 5.0, "middle": 20.0, "same": 20.0}
    for name, ttl_s in ttls.items():
        await taken(store, name, "one", ttl_s)
    watch = store.watch("/lease/", await store.revision())
    gone: list[str] = []
    for _ in range(3):
        await clock.advance(10.0)
        expected = [name for name, ttl_s in ttls.items() if ttl_s <= clock.monotonic_s()]
        while len(gone) < len(expected):
            gone.append((await next_event(watch)).key)
        assert sorted(gone) == sorted(lease_key(name) for name in expected)


async def test_another_owner_follows_after_expiry_with_a_later_fence(
    store: CloudStore, clock: VirtualClock
) -> None:
    lease = await taken(store, "x", "one", 5.0)
    await clock.advance(5.0)
    successor = await taken(store, "x", "two", 5.0)
    assert successor.fence > lease.fence
    await store.release(lease)
    await store.renew(successor)
    watch = store.watch("/lease/", lease.fence)
    assert (await next_event(watch)).value is None
    assert (await next_event(watch)).value is not None


async def test_a_cancelled_taker_leaves_a_lease_that_expires(
    store: CloudStore, clock: VirtualClock
) -> None:
    watch = store.watch("/lease/", 0)
    taking = asyncio.ensure_future(store.acquire("x", "one", 5.0))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert (await next_event(watch)).value is not None
    await asyncio.sleep(0)
    await clock.advance(5.0)
    assert (await next_event(watch)).value is None


async def test_stored_leases_get_a_full_time_after_reopening(
    tmp_path: Path, clock: VirtualClock
) -> None:
    opener: Open = open_sqlite
    store = await opener(tmp_path, clock)
    lease = await taken(store, "x", "one", 10.0)
    await clock.advance(9.0)
    await store.close()
    await clock.advance(100.0)
    store = await opener(tmp_path, clock)
    assert await store.acquire("x", "two", 10.0) is None
    watch = store.watch("/lease/", lease.fence)
    await clock.advance(9.0)
    await store.renew(lease)
    await clock.advance(9.0)
    assert await store.get("/lease/x") is not None
    await clock.advance(1.0)
    assert (await next_event(watch)).value is None
    await store.close()
