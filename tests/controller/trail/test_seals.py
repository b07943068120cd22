"""Seals: what was recorded can't be changed, removed or slipped in unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Delete, Put
from heliostat.cloudstore.documents import encode
from heliostat.controller.chores.catalogue import CHORES
from heliostat.controller.chores.trail import TRAIL
from heliostat.controller.chores.verbs import chore_run
from heliostat.controller.trail.record import RECORDS, Record, Result, record_id
from heliostat.controller.trail.seals import (
    NOTHING,
    SEALS,
    all_seals,
    next_seal,
    unsealed,
    verify,
)
from heliostat.tasks.model import TaskState
from heliostat.testing.cloud import SmallCloud

DAY_MS = 86_400_000


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as made:
        yield made


async def _record(cloud: SmallCloud, *, late_ms: int = 0) -> Record:
    now_ms = cloud.clock.now_ms() - late_ms
    record = Record(
        id=record_id(now_ms, cloud.ports.ids.new_id()),
        time_ms=now_ms,
        operation="createVm",
        result=Result.DONE,
        status=201,
        entity_id="vm",
    )
    await cloud.store.commit((), RECORDS.put(record))
    return record


async def _seal(cloud: SmallCloud) -> None:
    """What the chore's task does."""
    task = await cloud.do(chore_run, CHORES, TRAIL.name)
    assert task.state is TaskState.COMPLETED, task.steps


async def _problems(cloud: SmallCloud) -> tuple[str, ...]:
    kept_since_ms = cloud.clock.now_ms() - 400 * DAY_MS
    return (await verify(cloud.store, kept_since_ms)).problems


async def test_a_whole_trail_is_in_order(cloud: SmallCloud) -> None:
    for _ in range(3):
        await _record(cloud)
        await _record(cloud, late_ms=5000)
        await cloud.clock.advance(60)
        await _seal(cloud)
    await _record(cloud)
    found = await verify(cloud.store)
    assert (found.seals, found.records, found.unsealed, found.problems) == (3, 6, 1, ())
    assert len(found.latest_digest) == 64


@pytest.mark.parametrize("deed", ["change", "remove", "slip in", "reseal", "cut short", "date"])
async def test_tampering_shows(cloud: SmallCloud, deed: str) -> None:
    records = []
    for _ in range(3):
        records.append(await _record(cloud))
        await cloud.clock.advance(60)
        await _seal(cloud)
    store, middle = cloud.store, records[1]
    match deed:
        case "change":
            changed = replace(middle, subject="somebody-else")
            await store.commit((), [Put(RECORDS.key(middle.id), encode(changed))])
        case "remove":
            await store.commit((), [Delete(RECORDS.key(middle.id))])
        case "slip in":
            seal = (await SEALS.all(store))[1].value
            await store.commit((), SEALS.put(replace(seal, revision=await store.revision() + 1)))
        case "reseal":
            seal = (await SEALS.all(store))[1].value
            await store.commit((), SEALS.put(replace(seal, digest="0" * 64)))
        case "cut short":  # as if retention had come already
            seal = (await SEALS.all(store))[1].value
            await store.commit((), SEALS.put(replace(seal, is_anchor=True)))
            await store.commit((), [Delete(RECORDS.key(each.id)) for each in records[:2]])
        case "date":
            seal = (await SEALS.all(store))[1].value
            await store.commit((), SEALS.put(replace(seal, made_ms=1)))
    assert await _problems(cloud)


async def _sealed_ago(cloud: SmallCloud, days: float) -> None:
    """As if the chore had looked so many days ago."""
    seals = await all_seals(cloud.store)
    last = seals[-1] if seals else NOTHING
    records, revision = await unsealed(cloud.store, last)
    made_ms = round(cloud.clock.now_ms() - days * DAY_MS)
    await cloud.store.commit((), SEALS.put(next_seal(last, records, revision, made_ms)))


async def test_retention_forgets_whole_seals_and_the_chain_still_holds(cloud: SmallCloud) -> None:
    for _ in range(40):
        await _record(cloud, late_ms=round(402 * DAY_MS))
    await _sealed_ago(cloud, 402)
    await _record(cloud, late_ms=round(401 * DAY_MS))
    await _sealed_ago(cloud, 401)
    kept = [await _record(cloud, late_ms=round(300 * DAY_MS))]
    await _sealed_ago(cloud, 300)
    kept.append(await _record(cloud))
    assert len(await TRAIL.find(cloud.ports)) == 2
    await _seal(cloud)
    assert await _problems(cloud) == ()
    found = await verify(cloud.store)
    assert (found.seals, found.records) == (3, 2)
    assert [each.value for each in await RECORDS.all(cloud.store)] == kept[::-1]
    assert len((await cloud.store.list("/idx/audit/entity/vm/", limit=10)).items) == 2
    assert await TRAIL.find(cloud.ports) == []


async def test_there_is_nothing_to_do_twice(cloud: SmallCloud) -> None:
    await _record(cloud)
    assert await TRAIL.find(cloud.ports)
    await _seal(cloud)
    assert await TRAIL.find(cloud.ports) == []
