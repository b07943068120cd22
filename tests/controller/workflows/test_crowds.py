"""Queues around contended documents: one at a time, gone with the last, none for others."""

from __future__ import annotations

import asyncio

import pytest

from heliostat.cloudstore.contract import Absent, AtRevision, PrefixEmpty
from heliostat.controller.workflows.crowds import Crowds, name_of

QUOTA = AtRevision("/v1/quota/project/p", 7)
OTHER = Absent("/v1/vm/one")
CHILDREN = PrefixEmpty("/idx/vm/project/p/")


def test_a_guard_is_named_after_what_it_guards() -> None:
    assert [name_of(each) for each in (QUOTA, OTHER, CHILDREN)] == [
        QUOTA.key,
        OTHER.key,
        CHILDREN.prefix,
    ]


async def test_a_crowd_is_seen_by_whoever_guards_the_same_and_by_nobody_else() -> None:
    crowds = Crowds()
    assert crowds.around([QUOTA]) is None
    async with crowds.turn(QUOTA.key):
        assert crowds.around([OTHER, AtRevision(QUOTA.key, 8)]) == QUOTA.key
        assert crowds.around([OTHER, CHILDREN]) is None
    assert crowds.around([QUOTA]) is None


async def test_one_of_a_crowd_has_its_turn_at_a_time_and_different_crowds_do_not_wait() -> None:
    crowds = Crowds()
    inside: list[str] = []
    most = 0

    async def take(name: str) -> None:
        nonlocal most
        async with crowds.turn(name):
            inside.append(name)
            most = max(most, inside.count(name))
            await asyncio.sleep(0)
            inside.remove(name)

    async with crowds.turn("held"):
        await asyncio.gather(*(take("free") for _ in range(5)))
    await asyncio.gather(*(take("a") for _ in range(5)), *(take("b") for _ in range(5)))
    assert most == 1


async def test_who_leaves_or_fails_does_not_hold_up_the_others() -> None:
    crowds = Crowds()
    began = asyncio.Event()

    async def hold() -> None:
        async with crowds.turn("a"):
            began.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await began.wait()
    waiting = asyncio.create_task(hold())
    await asyncio.sleep(0)
    for task in (waiting, holding):
        task.cancel()
    await asyncio.gather(waiting, holding, return_exceptions=True)
    with pytest.raises(RuntimeError):
        async with crowds.turn("a"):
            raise RuntimeError
    assert crowds.around([Absent("a")]) is None
    async with asyncio.timeout(5), crowds.turn("a"):
        pass
