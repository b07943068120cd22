"""What goes wrong and when: a fault script.

Either at random, ``every_s`` seconds on average, or ``at_s``; each time for between
``lasts_s[0]`` and ``lasts_s[1]`` seconds.  When the script ends everything is put right.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.sim.cloud import Cloud
from heliostat.sim.faults import FAULTS


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a script."""

    fault: str
    every_s: float | None = None
    at_s: float | None = None
    lasts_s: tuple[float, float] = (1.0, 45.0)

    def check(self) -> None:
        """Raise ``InvalidScenario`` if it makes no sense."""
        if self.fault not in FAULTS:
            known = ", ".join(FAULTS)
            raise _invalid(f"There is no fault {self.fault!r}; there are {known}.")
        if (self.every_s is None) == (self.at_s is None):
            raise _invalid(f"The fault {self.fault} has either every_s or at_s.")
        if self.every_s is not None and self.every_s <= 0:
            raise _invalid(f"The fault {self.fault} comes every {self.every_s:g} s.")
        if not 0 <= self.lasts_s[0] <= self.lasts_s[1]:
            raise _invalid(f"The fault {self.fault} lasts from {self.lasts_s}.")


def _often(every_s: float, *faults: str) -> tuple[Rule, ...]:
    return tuple(Rule(fault=fault, every_s=every_s) for fault in faults)


DEFAULT: tuple[Rule, ...] = (
    *_often(60, "agent-killed", "link-severed", "fetch-fails", "hypervisor-fails", "guest-ends"),
    *_often(90, "answers-lost", "controller-dies", "host-partitioned", "agent-restarts"),
    *_often(
        150,
        "host-dies",
        "store-away",
        "store-slow",
        "controller-restarts",
        "clock-jumps",
        "network-slow",
        "messages-twice",
        "messages-late",
        "disk-full",
        "guest-deaf",
    ),
)


class Faults:
    """Plays a script until it is stopped; ``happened`` counts."""

    def __init__(self, cloud: Cloud, rules: tuple[Rule, ...]) -> None:
        self.happened: Counter[str] = Counter()
        self._cloud = cloud
        self._rules = rules
        self._playing: list[asyncio.Task[None]] = []
        self._under_way: dict[asyncio.Task[None], None] = {}

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for number, rule in enumerate(self._rules):
            dice = self._cloud.dice(f"fault {number} {rule.fault}")
            self._playing.append(loop.create_task(self._play(rule, dice)))

    async def stop(self) -> None:
        """Nothing new happens; what has, ends soon, and all is put right."""
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        while self._under_way:
            await asyncio.wait(list(self._under_way))
        await self._cloud.heal()

    async def _play(self, rule: Rule, dice: random.Random) -> None:
        if rule.at_s is not None:
            await asyncio.sleep(rule.at_s)
            self._strike(rule, dice)
            return
        assert rule.every_s is not None, "checked before"
        while True:
            await asyncio.sleep(dice.expovariate(1 / rule.every_s))
            self._strike(rule, dice)

    def _strike(self, rule: Rule, dice: random.Random) -> None:
        self.happened[rule.fault] += 1
        lasts_s = dice.uniform(*rule.lasts_s)
        strike = asyncio.get_running_loop().create_task(self._one(rule.fault, dice, lasts_s))
        self._under_way[strike] = None
        strike.add_done_callback(lambda done: self._under_way.pop(done, None))

    async def _one(self, fault: str, dice: random.Random, lasts_s: float) -> None:
        try:
            await FAULTS[fault](self._cloud, dice, lasts_s)
        except Exception as error:
            self._cloud.defect(f"The fault {fault} could not be played: {error!r}.")


def _invalid(sentence: str) -> PermanentError:
    return PermanentError("InvalidScenario", sentence)
