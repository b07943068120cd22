"""One run of a program: processor time and peak of memory, as the kernel counted them.

Processor time, because these programs wait for nothing: what else the machine does then
counts for neither side.  A program started from a large process would be charged with that
one's memory, so a small one starts it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_STARTER = """
import os, sys
child = os.fork()
if not child:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Run:
    """How one run went."""

    exit_code: int
    cpu_s: float
    peak_mb: float


def measured(argv: Sequence[str], environment: Mapping[str, str], *expected: int) -> Run:
    """Runs ``argv`` with its output thrown away; any code but the ``expected`` ends all."""
    done = subprocess.run(
        ["/usr/bin/python3", "-ISc", _STARTER, *argv],
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        env=dict(environment),
        check=False,
    )
    code, seconds, peak_kib = done.stdout.split()
    run = Run(int(code), float(seconds), int(peak_kib) * 1024 / 1e6)
    if run.exit_code not in expected:
        raise SystemExit(f"{' '.join(argv)} ended with {run.exit_code}: {done.stderr}")
    return run
