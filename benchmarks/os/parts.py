"""Parts of a benchmark, each in a process of its own that may not run for ever.

A part that fails or takes too long is ended with all that it started, named, and leaves the
figures of the others alone.  What is going on is said as it happens: a part takes minutes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

_GRACE_S = 20.0  # for a guest to be ended and folders to be removed


def stated(text: str) -> None:
    """Tell what has just come out."""
    print(f"  {text}", flush=True)


def timed(what: str, action: Callable[[], object]) -> float:
    """Seconds that ``action`` took.

    They are told with those that processors worked for it: where other work runs beside,
    these say more.
    """
    began, worked = time.monotonic(), _worked_s()
    action()
    seconds = time.monotonic() - began
    stated(f"{what}: {seconds:.1f} s, {_worked_s() - worked:.1f} s of processors")
    return seconds


def _worked_s() -> float:
    """Seconds of processors that this process took, and its children that have ended."""
    return sum(os.times()[:4])


def run_parts(module: str, limits_s: Mapping[str, float], asked: Sequence[str] = ()) -> int:
    """Run ``python -m module PART`` for each part asked for; 1 if any did not end well."""
    failed = []
    for part in asked or limits_s:
        print(f"## {part}", flush=True)
        fault = run_part([sys.executable, "-m", module, part], limits_s[part])
        if fault:
            failed.append(f"{part}: {fault}")
            print(f"  {failed[-1]}", flush=True)
    for each in failed:
        print(f"not measured: {each}", flush=True)
    return 1 if failed else 0


def run_part(argv: Sequence[str], limit_s: float) -> str:
    """Run one part; returns what was wrong with it, or nothing."""
    with subprocess.Popen(argv, start_new_session=True) as process:
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"was ended, since it had not come to its end within {limit_s:g} s"
        except BaseException:
            _end(process)
            raise
    return "" if code == 0 else f"ended with {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the part as a person at the terminal would, then all that is left of it."""
    _signal(process, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
