"""A process that dies, or meets a full disk, at its n-th change to a folder.

The change is noticed by Python's own audit events (files opened for writing, renamed,
linked, removed; folders made), so nothing in the code under test knows of it.  The
process is a fork: it really dies, with whatever it had not yet written.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from heliostat.core.errors import HeliostatError

_CREATES = {"open", "os.mkdir", "os.link", "os.symlink"}
_CHANGES = _CREATES | {"os.rename", "os.remove", "os.rmdir", "os.truncate"}
_DIED, _REFUSED, _BROKE = 9, 3, 1
_ALONE = "HELIO_TEST_ALONE"
_PATIENCE_S = 120.0  # an action that hangs tells where, instead of hanging its test
_LONGEST_TEST_S = 3600.0


class Doom(Enum):
    """What happens at the n-th change."""

    DEATH = "death"
    FULL_DISK = "full disk"


class Fate(Enum):
    """How the process ended."""

    LIVED = 0
    REFUSED = _REFUSED
    """It raised a ``HeliostatError``."""
    DIED = _DIED


def meet(doom: Doom, number: int, folder: Path, action: Callable[[], object]) -> Fate:
    """Do ``action`` in a process whose change ``number`` (from 1) below ``folder`` is its doom."""
    _let_threads_end()
    child = os.fork()
    if child == 0:
        os._exit(_live(doom, number, folder, action))
    code = _end_of(child)
    assert code != _BROKE, f"the action broke at change {number}: see its traceback"
    assert code >= 0, f"the process hung at change {number}, before or after the action"
    return Fate(code)


def _let_threads_end() -> None:
    """Wait for threads that Python has joined and the system has not ended yet.

    On its way out a thread still frees what libraries keep for it, under locks of theirs
    (OpenSSL's list of threads): a fork in that moment takes a lock along that nobody opens.
    """
    until_s = time.monotonic() + _PATIENCE_S
    while len(os.listdir("/proc/self/task")) > threading.active_count():
        assert time.monotonic() < until_s, "a thread that Python knows nothing of does not end"
        time.sleep(0.001)


def _end_of(child: int) -> int:
    """Its exit code; below zero if it had to be ended.

    A fork may hang on a lock that another thread held, before its own alarm is set.
    """
    handle = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([handle], [], [], 2 * _PATIENCE_S)
        if not ended:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    finally:
        os.close(handle)


def every(
    doom: Doom, folder: Path, action: Callable[[], object], *, most: int = 300
) -> Iterator[tuple[int, Fate]]:
    """Meet it at change 1, 2, … until the action outlives it; the caller looks in between."""
    for number in range(1, most):
        fate = meet(doom, number, folder, action)
        yield number, fate
        if fate is Fate.LIVED:
            return
    raise AssertionError(f"the action makes more than {most} changes")


def _live(doom: Doom, number: int, folder: Path, action: Callable[[], object]) -> int:
    seen = 0

    def notice(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _CHANGES or not _below(folder, event, arguments):
            return
        seen += 1
        if doom is Doom.DEATH and seen == number:
            os._exit(_DIED)
        if doom is Doom.FULL_DISK and seen >= number and event in _CREATES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))

    faulthandler.dump_traceback_later(_PATIENCE_S, exit=True, file=2)
    sys.addaudithook(notice)
    try:
        action()
    except HeliostatError:
        return _REFUSED
    except BaseException:
        traceback.print_exc()
        return _BROKE
    return 0


def _below(folder: Path, event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open" and not _writes(arguments):
        return False
    return any(
        isinstance(each, str | bytes | os.PathLike) and os.fsdecode(each).startswith(str(folder))
        for each in arguments[:2]
    )


def _writes(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def in_process_of_its_own(request: pytest.FixtureRequest) -> bool:
    """Run the asking test in a fresh process; true: it was run there, and passed.

    A fork takes the locks of all threads along, but not the threads; after hundreds of
    other tests nobody knows which those are.
    """
    name = request.node.nodeid
    if os.environ.get(_ALONE) == name:
        return False
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
    root = request.config.rootpath
    done = subprocess.run(
        argv,
        cwd=root,
        env={**os.environ, _ALONE: name},
        capture_output=True,
        text=True,
        timeout=_LONGEST_TEST_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return True
