"""Which process runs a role in a home, told apart from a re-used pid by its start time."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.files import atomic_write

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A live process and the kernel's start time of it (clock ticks since boot)."""

    pid: int
    start_ticks: int

    @property
    def is_alive(self) -> bool:
        return start_ticks(self.pid) == self.start_ticks


def start_ticks(pid: int) -> int | None:
    """Start time of ``pid`` from ``/proc`` (field 22 of stat); ``None`` if dead or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def write(path: Path) -> None:
    """Note this process as the one that runs the role of ``path``."""
    pid = os.getpid()
    atomic_write(path, f"{pid} {start_ticks(pid)}\n".encode(), mode=0o644)


def read(path: Path) -> RunningProcess | None:
    """The process noted in ``path`` if it still runs."""
    try:
        pid, ticks = path.read_text().split()
    except (OSError, ValueError):
        return None
    process = RunningProcess(int(pid), int(ticks))
    return process if process.is_alive else None


def stop(path: Path, *, timeout_s: float, kill: bool = True) -> bool:
    """End the process noted in ``path``: asked first, killed after ``timeout_s``.

    Returns whether there was one.
    """
    process = read(path)
    if process is None:
        path.unlink(missing_ok=True)
        return False
    os.kill(process.pid, signal.SIGTERM)
    if not _wait(process, timeout_s) and kill:
        os.kill(process.pid, signal.SIGKILL)
        _wait(process, timeout_s)
    path.unlink(missing_ok=True)
    return True


def _wait(process: RunningProcess, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while process.is_alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
