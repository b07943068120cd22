"""Runs of tdnf in this process, for the many cases that need none of their own."""

from __future__ import annotations

import contextlib
import gc
import io

from heliostat.os.tdnf.entry import main
from heliostat.testing.tdnf_system import Ran, TdnfSystem


def in_process(system: TdnfSystem, *words: str) -> Ran:
    """As ``system.run``; rpm's settings are this process's, so nothing is installed so."""
    argv = system.argv(*words)
    results, remarks = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(results), contextlib.redirect_stderr(remarks):
        code = main(argv[3:], "tdnf")
    # what a process lets go of at its end: the cache is held as long as its pool lives
    gc.collect()
    return Ran(tuple(argv), code, results.getvalue(), remarks.getvalue())
