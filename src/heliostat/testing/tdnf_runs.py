"""Runs of tdnf without a start of Python: in this process, or in a fork of it."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
import traceback

from heliostat.os.tdnf.entry import main
from heliostat.testing.tdnf_system import Ran, TdnfSystem, in_tree


def in_process(system: TdnfSystem, *words: str) -> Ran:
    """As ``system.run``; rpm's settings are this process's, so nothing is installed so."""
    if in_tree():
        return system.run(*words)
    argv = system.argv(*words)
    results, remarks = io.StringIO(), io.StringIO()
    # only what the run makes is looked through: a long session's objects took a second a run
    gc.freeze()
    try:
        with contextlib.redirect_stdout(results), contextlib.redirect_stderr(remarks):
            code = main(argv[3:], "tdnf")
        # what a process lets go of at its end: the cache is held as long as its pool lives
        gc.collect()
    finally:
        gc.unfreeze()
    return Ran(tuple(argv), code, results.getvalue(), remarks.getvalue())


def forked(system: TdnfSystem, *words: str) -> Ran:
    """As ``system.run`` with ``-y``, in a child that has everything imported already."""
    if in_tree():
        return system.run("-y", *words)
    argv = system.argv("-y", *words)
    with tempfile.TemporaryFile("w+") as results, tempfile.TemporaryFile("w+") as remarks:
        child = os.fork()
        if child == 0:
            os.dup2(results.fileno(), 1)
            os.dup2(remarks.fileno(), 2)
            _run_and_exit(argv[3:])
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        results.seek(0)
        remarks.seek(0)
        return Ran(tuple(argv), code, results.read(), remarks.read())


def _run_and_exit(argv: list[str]) -> None:
    sys.stdout, sys.stderr = (os.fdopen(os.dup(each), "w", 1) for each in (1, 2))
    code = 1
    try:
        code = main(argv, "tdnf")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
