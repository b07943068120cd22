"""How long to wait before trying again.

Exponential with a cap, spread by a jitter that is computed from the task, the
step and the try: tasks that failed together don't come back together, and the
same history always waits the same time (which a simulation needs, and which
lets a worker that takes over agree with the one before it).
"""

from __future__ import annotations

import hashlib

LONGEST_BACKOFF_S = 60.0
JITTER = 0.25
CONFLICTS_ALLOWED = 100
LONGEST_CONFLICT_PAUSE_S = 0.5


def backoff_s(seed: str, attempt: int, retry_after_s: float) -> float:
    """Seconds to wait after try ``attempt`` (from 1) failed, never less than ``retry_after_s``."""
    grown = retry_after_s * 2.0 ** min(attempt - 1, 30)
    capped = min(grown, max(LONGEST_BACKOFF_S, retry_after_s))
    return capped * (1.0 + JITTER * fraction(f"{seed}/{attempt}"))


def conflict_pause_s(seed: str, conflicts: int) -> float:
    """Seconds to wait after the n-th lost compare-and-set in a row: short, for the winner is done.

    The first rerun follows at once; later ones spread out, so that many writers
    of one document thin out instead of colliding in step.
    """
    if conflicts <= 1:
        return 0.0
    longest = min(0.002 * 2.0 ** min(conflicts, 20), LONGEST_CONFLICT_PAUSE_S)
    return longest * fraction(f"{seed}/conflict/{conflicts}")


def fraction(text: str) -> float:
    """A number in [0, 1) that depends on nothing but ``text``."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / float(1 << 48)
