"""Virtual time: nothing waits, nothing is lost, and order is that of making."""

from __future__ import annotations

import asyncio
import random

import pytest

from heliostat.sim.link import NOTICED_S, Wire
from heliostat.sim.loop import SimClock, SimLoop, SimulationStopped, run


def test_an_hour_passes_at_once() -> None:
    async def main(loop: SimLoop) -> list[str]:
        clock, said = SimClock(loop), []

        async def later(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            said.append(f"{name} {clock.monotonic_s():g}")

        await asyncio.gather(later("c", 3600), later("a", 1), later("b", 60))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await asyncio.Event().wait()
        said.append(f"{clock.monotonic_s():g}")
        return said

    assert run(main) == ["a 1", "b 60", "c 3600", "3700"]


def test_threads_are_turns() -> None:
    async def main(loop: SimLoop) -> tuple[int, str]:
        def fails() -> None:
            raise ValueError("as it would in a thread")

        with pytest.raises(ValueError, match="thread"):
            await asyncio.to_thread(fails)
        return await asyncio.to_thread(sum, [1, 2, 3]), f"{loop.time():g}"

    assert run(main) == (6, "0")


def test_waiting_for_nothing_is_told() -> None:
    async def main(loop: SimLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(SimulationStopped):
        run(main)


def test_a_group_is_cancelled_in_the_order_of_its_making() -> None:
    async def main(loop: SimLoop) -> list[int]:
        ended: list[int] = []

        async def member(number: int) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(number)

        async def all_of_them() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(40):
                    group.create_task(member(number))
                await asyncio.sleep(1)
                raise KeyError

        with pytest.raises(ExceptionGroup):
            await all_of_them()
        return ended

    first, second = run(main), run(main)
    assert first == second
    assert sorted(first) == list(range(40))


def test_a_wire_keeps_order_and_a_severed_one_loses_what_is_sent() -> None:
    async def main(loop: SimLoop) -> None:
        wire = Wire(loop, random.Random(4))
        for number in range(50):
            wire.send_up(str(number))
        assert [await wire.up.receive() for _ in range(50)] == [str(each) for each in range(50)]
        wire.sever()
        wire.send_down("lost")
        before_s = loop.time()
        assert await wire.down.receive() is None
        assert 0 < loop.time() - before_s <= 1.5 * NOTICED_S
        with pytest.raises(ConnectionError):
            wire.send_up("after the end")

    run(main)


def test_fenced_frames_may_come_twice_or_late_and_others_not() -> None:
    async def main(loop: SimLoop) -> tuple[list[str], list[str]]:
        wire = Wire(loop, random.Random(4))
        wire.twice = wire.late = 0.5
        fenced = [f'{{"type":"wanted","item":{number}}}' for number in range(30)]
        plain = [f'{{"type":"request","id":{number}}}' for number in range(30)]
        for one, other in zip(fenced, plain, strict=True):
            wire.send_down(one)
            wire.send_down(other)
        await asyncio.sleep(5)
        wire_text = []
        loop.call_later(1, wire.close)
        while len(wire.down._arrived):
            wire_text.append(await wire.down.receive() or "")
        return [text for text in wire_text if "wanted" in text], [
            text for text in wire_text if "request" in text
        ]

    wanted, requests = run(main)
    assert len(wanted) > 30
    assert wanted != sorted(wanted, key=_number)
    assert [_number(text) for text in requests] == list(range(30))


def _number(text: str) -> int:
    return int(text.rpartition(":")[2].rstrip("}"))
