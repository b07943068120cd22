"""Time as a seam.

Controller, tasks, scheduler and agent take a ``Clock``; nothing below them
calls ``time`` or ``asyncio.sleep`` itself, so the simulator owns time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and sleep."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since the Unix epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards; meaningful only as differences."""

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellation passes through."""


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
