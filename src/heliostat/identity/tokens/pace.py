"""How often something may be begun: a bucket that fills evenly, one in each process."""

from __future__ import annotations

from heliostat.core.clock import Clock


class Pace:
    """Admits ``a_second`` on average, and ``at_once`` where nothing was before."""

    def __init__(self, clock: Clock, a_second: float, at_once: int) -> None:
        self._clock = clock
        self._a_second = a_second
        self._most = float(at_once)
        self._left = self._most
        self._at_s = clock.monotonic_s()

    def admits(self) -> bool:
        """Whether one more may begin; counts it if so."""
        now_s = self._clock.monotonic_s()
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._a_second)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
