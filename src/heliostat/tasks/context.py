"""What a running step holds in its hands: the engine's side of ``StepContext``.

One object for one try of one step.  What the step explains is kept here and
persisted with the outcome of the try; what it waits for is read when it stalls,
and ``news`` wakes whoever judges that (:mod:`heliostat.tasks.patience`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.core.clock import Clock
from heliostat.tasks.journal import Journal
from heliostat.tasks.model import Explanation, Progress, Step, Task


class RunningStep:
    """Implements :class:`heliostat.tasks.model.StepContext`."""

    def __init__(
        self, store: CloudStore, clock: Clock, ports: Any, journal: Journal, index: int
    ) -> None:
        self.store: CloudStore = store
        self.clock: Clock = clock
        self.ports: Any = ports
        self.task: Task = journal.draft()
        self.index = index
        self.step: Step = self.task.steps[index]
        self.progress = self.step.progress
        self.waiting = ""
        self.blocked = False
        self.expected_s: float | None = None
        self.since_s = clock.monotonic_s()
        self.news = asyncio.Event()
        self._journal = journal
        self._explanations: list[Explanation] = []

    @property
    def explanations(self) -> tuple[Explanation, ...]:
        return tuple(self._explanations)

    def waiting_for(
        self, reason: str, *, blocked: bool = False, expected_s: float | None = None
    ) -> None:
        self.waiting = reason
        if blocked != self.blocked:
            self.since_s = self.clock.monotonic_s()
        if (blocked, expected_s) != (self.blocked, self.expected_s):
            self.blocked, self.expected_s = blocked, expected_s
            self.news.set()

    def progressed(self, done: int, total: int) -> None:
        progress = Progress(done=done, total=total)
        if progress != self.progress:
            self.progress = progress
            self.news.set()

    def explain(self, decision: str, reason: str, **data: Any) -> None:
        now_ms = self.clock.now_ms()
        self._explanations.append(
            Explanation(at_ms=now_ms, decision=decision, reason=reason, data=data)
        )

    def result_of(self, operation: str) -> dict[str, Any]:
        for step in self.task.steps:
            if step.operation == operation:
                return step.result
        return {}

    async def commit(self, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        return await self._journal.commit(guards, changes)
