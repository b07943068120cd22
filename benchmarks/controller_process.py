"""A controller in a process of its own, as ``helio up`` starts it, and what it costs.

Its home is a folder that is removed afterwards; ports are free ones.  Figures of the
process come from ``/proc``: CPU seconds of all its threads, and resident memory.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.client.client import Client
from heliostat.server import daemon, pidfile
from heliostat.server.controller import initialise
from heliostat.server.home import Home

START_TIMEOUT_S = 120.0
MIB = 1 << 20


class ControllerProcess:
    """One platform's controller; ``start`` and ``stop`` it as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.hosts: list[str] = []
        self.api_port, self.plain_port, self.agents_port = _free_ports(3)
        self.home.prepare()
        self.home.config.write_text(
            f"[api]\nport = {self.api_port}\nloopback_port = {self.plain_port}\n"
            f"[agents]\nport = {self.agents_port}\n"
        )
        asyncio.run(initialise(self.home))

    def start(self) -> float:
        """Start it; seconds until it serves."""
        began = time.perf_counter()
        daemon.start("controller", self.home.path, timeout_s=START_TIMEOUT_S)
        took_s = time.perf_counter() - began
        found = pidfile.read(self.home.pid_file("controller"))
        assert found is not None
        self._pid = found.pid
        return took_s

    def stop(self) -> None:
        pidfile.stop(self.home.pid_file("controller"), timeout_s=60)

    def kill(self) -> None:
        """``kill -9``: what was acknowledged has to be on disk."""
        os.kill(self._pid, signal.SIGKILL)
        while pidfile.start_ticks(self._pid) is not None:
            time.sleep(0.01)

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.plain_port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.api_port}"

    def cpu_s(self) -> float:
        """User and system seconds so far, of all threads."""
        return cpu_s_of(self._pid)

    def memory_mib(self) -> float:
        """Resident memory now."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB

    @contextmanager
    def owner(self) -> Iterator[Client]:
        """The API as the owner of the machine sees it."""
        with Client(f"unix:{self.home.socket}") as client:
            yield client


@contextmanager
def controller() -> Iterator[ControllerProcess]:
    """A controller that is not started yet; ended and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="helio-bench-", dir=os.environ.get("TMPDIR", "/tmp")))
    try:
        made = ControllerProcess(folder)
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_s_of(pid: int) -> float:
    """User and system seconds of a process so far, of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
