"""Virtual time: order, bounds, and knowing when nothing can happen any more."""

from __future__ import annotations

import asyncio

import pytest

from heliostat.testing.clock import START_MS, Deadlock, VirtualClock


async def test_sleepers_wake_in_the_order_of_their_times_then_of_their_arrival() -> None:
    clock, woken = VirtualClock(), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic_s()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("c", 3), ("a", 1), ("a2", 1), ("b", 2)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(2.5)
        assert woken == [("a", 1.0), ("a2", 1.0), ("b", 2.0)]
        assert clock.now_ms() == START_MS + 2500
        await clock.advance(0.5)
    assert woken[-1] == ("c", 3.0)


async def test_what_a_wake_up_sets_off_runs_before_the_next_one() -> None:
    clock, seen = VirtualClock(), []

    async def chain() -> None:
        for _ in range(3):
            await clock.sleep(1)
            for _ in range(20):
                await asyncio.sleep(0)
            seen.append(clock.monotonic_s())

    running = asyncio.create_task(chain())
    await clock.advance(10)
    assert seen == [1.0, 2.0, 3.0]
    await running


async def test_run_until_moves_only_as_far_as_needed() -> None:
    clock = VirtualClock()
    await clock.run_until(clock.sleep(7))
    assert clock.monotonic_s() == 7.0


async def test_run_until_tells_when_it_can_never_happen() -> None:
    clock = VirtualClock()
    with pytest.raises(Deadlock):
        await clock.run_until(asyncio.Event().wait())
    with pytest.raises(Deadlock):
        await clock.run_until(clock.sleep(11), limit_s=10)


async def test_run_until_passes_errors_on_and_cancelled_sleepers_are_forgotten() -> None:
    async def fail() -> None:
        raise ValueError

    clock = VirtualClock()
    with pytest.raises(ValueError):
        await clock.run_until(fail())
    sleeping = asyncio.create_task(clock.sleep(5))
    await clock.settle()
    sleeping.cancel()
    await clock.settle()
    assert clock.next_wake_s() is None
