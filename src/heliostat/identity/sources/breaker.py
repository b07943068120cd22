"""When a server is left alone: after failures in a row, for longer each time.  Pure.

A server that does not answer costs each sign-in its time-out.  After ``TOLERATED`` failures
nobody waits for it; when its time is over, one caller tries it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TOLERATED = 2
FIRST_PAUSE_MS = 10_000
LONGEST_PAUSE_MS = 300_000


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a server; ``why`` is its last failure."""

    failures: int = 0
    until_ms: int = 0
    why: str = ""
    failed_ms: int = 0

    @property
    def state(self) -> str:
        """``working``, ``failing`` (still asked) or ``resting``."""
        if not self.failures:
            return "working"
        return "failing" if self.failures < TOLERATED else "resting"

    def may_ask(self, now_ms: int) -> bool:
        return now_ms >= self.until_ms


WELL = Health()


def failed(health: Health, why: str, now_ms: int) -> Health:
    """After one more failure."""
    failures = health.failures + 1
    pause_ms = 0
    if failures >= TOLERATED:
        doublings = min(failures - TOLERATED, 10)
        pause_ms = min(FIRST_PAUSE_MS << doublings, LONGEST_PAUSE_MS)
    return Health(failures, now_ms + pause_ms, why, now_ms)


def tried(health: Health, timeout_ms: int, now_ms: int) -> Health:
    """While one caller tries a resting server, the others go on leaving it alone."""
    if health.state != "resting":
        return health
    return replace(health, until_ms=now_ms + timeout_ms)


def sentence(health: Health, now_ms: int) -> str:
    """How the server is, and why."""
    if not health.failures:
        return "working"
    if health.may_ask(now_ms):
        return f"failed {health.failures} times in a row: {health.why}; it is asked again next"
    seconds = round((health.until_ms - now_ms) / 1000)
    return (
        f"failed {health.failures} times in a row: {health.why}; it is left alone for {seconds} s"
    )
