"""How long the steps of an operation took lately, for estimates.

Kept as one small document an operation, ``/v1/step-duration/<operation>``,
rather than read from recent tasks: a plan then costs one read however many
tasks there are, and estimates outlive the tasks that retention removes.  Each
worker gathers in memory and writes at most once in ``FLUSH_S``; what a crash
loses, or a lost compare-and-set drops, is a statistic.
"""

from __future__ import annotations

import logging
from collections import defaultdict

import msgspec

from heliostat.cloudstore.contract import (
    Absent,
    AtRevision,
    CloudStore,
    Guard,
    Put,
)
from heliostat.cloudstore.documents import decode
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.tasks.model import Step

log = logging.getLogger(__name__)

SAMPLES_KEPT = 32
FLUSH_S = 60.0


class StepDurations(msgspec.Struct, kw_only=True):
    """The latest durations of each step of an operation, oldest first, in milliseconds."""

    operation: str
    steps: dict[str, list[int]] = {}
    schema: int = 1


def duration_key(operation: str) -> str:
    return f"/v1/step-duration/{operation}"


async def load(store: CloudStore, operation: str) -> StepDurations:
    """What is known about the operation; empty if nothing is."""
    document = await store.get(duration_key(operation))
    return (
        StepDurations(operation=operation) if document is None else decode(StepDurations, document)
    )


def merge(known: StepDurations, new: dict[str, list[int]]) -> StepDurations:
    """``known`` with newer samples added, the latest ``SAMPLES_KEPT`` of each step."""
    steps = dict(known.steps)
    for operation, samples in new.items():
        steps[operation] = [*steps.get(operation, []), *samples][-SAMPLES_KEPT:]
    return StepDurations(operation=known.operation, steps=steps)


class Stopwatch:
    """Gathers the durations of completed steps in memory and writes them rarely."""

    def __init__(self, store: CloudStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._new: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)

    def completed(self, operation: str, step: Step) -> None:
        """A step ended well; a skipped one says nothing about how long it takes."""
        samples = self._new[operation].setdefault(step.operation, [])
        samples.append(max(0, step.end_ms - step.started_ms))
        del samples[:-SAMPLES_KEPT]

    async def flush_forever(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what was gathered; what can't be written now is forgotten."""
        gathered, self._new = self._new, defaultdict(dict)
        for operation, new in sorted(gathered.items()):
            try:
                await self._write(operation, new)
            except HeliostatError as error:  # also one unreadable: the worker's tasks go on
                log.info("durations of %s are not kept: %s", operation, error)

    async def _write(self, operation: str, new: dict[str, list[int]]) -> None:
        key = duration_key(operation)
        document = await self._store.get(key)
        known = StepDurations(operation=operation)
        guard: Guard = Absent(key)
        if document is not None:
            known, guard = decode(StepDurations, document), AtRevision(key, document.revision)
        value = msgspec.json.encode(merge(known, new))
        await self._store.commit([guard], [Put(key, value)])
