"""Following a serial log: the API gives the end of it, and what is new follows from two readings.

A log that grew by more than one reading between two of them has a gap, and so
has one of nothing but equal lines; neither happens to a guest that a person watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from heliostat.core.errors import HeliostatError

WINDOW_BYTES = 1 << 17
PAUSE_S = 1.0
_PROBE = 64
_HALF_CHARACTER = "\ufffd"
_PASSING = frozenset({"AgentUnavailable", "TimedOut", "Unreachable"})


def continuation(before: str, now: str) -> str:
    """What ``now`` has after what ``before``, an older end of the same log, ended with.

    Both overlap as far as they can; without an overlap all of ``now`` is new.
    """
    at = before.find(now[:_PROBE])
    while 0 <= at < len(before):
        if now.startswith(before[at:]):
            return now[len(before) - at :]
        at = before.find(now[:_PROBE], at + 1)
    # shorter than a probe: nearly all of the reading is new, or both readings are short
    for length in range(min(_PROBE, len(before), len(now)), 0, -1):
        if before.endswith(now[:length]):
            return now[length:]
    return now


def follow_log(
    read: Callable[[], str],
    *,
    missed: Callable[[HeliostatError], None] = lambda _error: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The log as ``read`` gives it, then what comes to it, for ever.

    While the host or the controller is away, ``missed`` is told once and reading goes
    on; other errors are raised, ``VmNotFound`` once the VM is gone.
    """
    before, away = "", False
    while True:
        try:
            # a character at either end may be half there yet
            now = read().strip(_HALF_CHARACTER)
        except HeliostatError as error:
            if error.code not in _PASSING:
                raise
            if not away:
                missed(error)
            away = True
        else:
            away = False
            if new := continuation(before, now):
                yield new
            before = now
        sleep(PAUSE_S)
