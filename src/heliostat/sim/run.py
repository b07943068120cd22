"""One run: furnish, play operations and faults, put things right, wait, and check.

``play`` is the whole story of a scenario and a seed; its outcome tells what
happened and what was violated.  Nothing of it depends on the machine or the time.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from dataclasses import dataclass

from heliostat.sim.checks.answers import broken_promises
from heliostat.sim.checks.books import left_behind, unbalanced
from heliostat.sim.checks.reality import differences
from heliostat.sim.cloud import Cloud
from heliostat.sim.controller import SETTINGS
from heliostat.sim.load import Load
from heliostat.sim.loop import SimLoop, run
from heliostat.sim.operations.catalogue import OPERATIONS
from heliostat.sim.rehearsal import Copy, begin_with
from heliostat.sim.scenario import Scenario
from heliostat.sim.script import Faults
from heliostat.tasks.indexes import OPEN_PREFIX

CALM_WITHIN_S = 6000.0
LOOK_S = 5.0
AUDITS = 8
"""How often the books are audited while all goes wrong, besides at the end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run; ``violations`` is empty if all is well.

    ``operation`` is how many had been asked for when the first violation was seen
    (0: none was); ``latest`` are the last lines of the log.
    """

    seed: int
    operations: Counter[str]
    refused: Counter[str]
    faults: Counter[str]
    tasks: Counter[str]
    unknown: int
    stalls: int
    commits: int
    virtual_s: float
    digest: str
    violations: tuple[str, ...]
    operation: int
    latest: tuple[str, ...]


def play(scenario: Scenario, seed: int, copy: Copy | None = None) -> Outcome:
    """Run the scenario with the seed, on a copy of a store if there is one."""
    logger = logging.getLogger("heliostat")
    level, logger.disabled = logger.level, False
    logger.setLevel(logging.CRITICAL + 1)  # what matters is told by the run itself
    try:
        return run(lambda loop: _Run(loop, scenario, seed, copy).play())
    finally:
        logger.setLevel(level)


class _Run:
    def __init__(
        self, loop: SimLoop, scenario: Scenario, seed: int, copy: Copy | None = None
    ) -> None:
        self._copy = copy
        self._scenario = scenario
        self._cloud = Cloud(loop, seed)
        self._load = Load(self._cloud, OPERATIONS, scenario.gap_s, scenario.weights)
        self._faults = Faults(self._cloud, scenario.faults)
        self._seen_at = 0
        self._cloud.on_defect = self._seen

    async def play(self) -> Outcome:
        cloud, scenario = self._cloud, self._scenario
        if self._copy is not None:
            await begin_with(cloud, self._load.known, self._copy)
        for _ in range(scenario.controllers):
            await cloud.add_controller()
        if self._copy is None:
            await self._load.furnish(scenario.hosts)
        self._faults.start()
        until_s = math.inf if scenario.until_s is None else scenario.until_s
        for part in _parts(scenario.operations, AUDITS):
            await self._load.play(part, until_s)
            await self._audit()
        await self._faults.stop()
        await self._calm()
        await self._check()
        outcome = self._outcome()
        await cloud.stop()
        await asyncio.sleep(1.0)
        return outcome

    async def _audit(self) -> None:
        """The books hold at any moment, also in the middle of everything."""
        self._note(await unbalanced(self._cloud.store, SETTINGS))

    async def _calm(self) -> None:
        """Wait until nothing is under way and hosts are as they shall be, within bounds."""
        loop = self._cloud.loop
        until_s = loop.now_s + CALM_WITHIN_S
        while loop.now_s < until_s:
            await asyncio.sleep(LOOK_S)
            if (await self._cloud.store.list(OPEN_PREFIX, limit=1)).items:
                continue
            if not await self._unsettled():
                return

    async def _unsettled(self) -> list[str]:
        store, cloud = self._cloud.store, self._cloud
        workers = {each.worker_id for each in cloud.controllers}
        found = await left_behind(store, workers)
        for host in cloud.hosts.values():
            found.extend(await differences(store, host))
        return found

    async def _check(self) -> None:
        store = self._cloud.store
        self._note(await unbalanced(store, SETTINGS))
        self._note(await self._unsettled())
        tasks = self._cloud.tasks
        answered = self._load.answered
        self._note(await broken_promises(store, answered, tasks.ended, tasks.deleted))

    def _seen(self) -> None:
        self._seen_at = self._seen_at or self._load.asked.total()

    def _note(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._cloud.defect(sentence)

    def _outcome(self) -> Outcome:
        cloud, load = self._cloud, self._load
        return Outcome(
            seed=cloud.seed,
            operations=load.asked,
            refused=load.refused,
            faults=self._faults.happened,
            tasks=Counter(
                {
                    f"{operation} {state}": number
                    for (operation, state), number in sorted(cloud.tasks.counts.items())
                }
            ),
            unknown=load.unknown,
            stalls=cloud.tasks.stalls,
            commits=cloud.log.commits,
            virtual_s=cloud.loop.now_s,
            digest=cloud.log.digest,
            violations=tuple(dict.fromkeys(cloud.defects)),
            operation=self._seen_at,
            latest=tuple(cloud.log.latest),
        )


def _parts(whole: int, count: int) -> list[int]:
    """``whole`` in about equal parts."""
    size, rest = divmod(whole, count)
    return [part for part in [*[size] * count, rest] if part]
