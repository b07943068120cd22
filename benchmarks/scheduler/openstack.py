"""OpenStack placement as nova calls it: over HTTP, behind a WSGI server.

Runs in an environment of its own (``.cache/peers``, installed from
``requirements/bench-peers.txt``), with its database in SQLite, four threads and
no authentication.  ``with Placement(folder, hosts) as peer`` starts it, tells it the
hosts, and ends it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "bench-peers.txt"
HEADERS = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39"}
LIMIT = 1000
"""nova's ``max_placement_results``."""

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    """A host, or what is asked of one; memory in MiB, disk in GiB."""

    cpus: int
    memory_mib: int
    disk_gib: int


class Placement:
    """The service, alive while it is entered."""

    def __init__(self, folder: Path, hosts: Iterable[Size]) -> None:
        self._folder = folder
        self._hosts = list(hosts)
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", headers=HEADERS, timeout=60
        )

    def __enter__(self) -> Placement:
        settings = {
            "OS_PLACEMENT_DATABASE__CONNECTION": f"sqlite:///{self._folder}/placement.db",
            "OS_PLACEMENT_DATABASE__SYNC_ON_STARTUP": "True",
            "OS_API__AUTH_STRATEGY": "noauth2",
        }
        with (self._folder / "placement.log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    str(_environment() / "bin" / "waitress-serve"),
                    f"--listen=127.0.0.1:{self._port}",
                    "--threads=4",
                    "placement.wsgi.api:application",
                ],
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
            )
        self._wait()
        for number, host in enumerate(self._hosts):
            self._add(number, host)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        if self._server is not None:
            self._server.terminate()
            self._server.wait(timeout=30)

    def decide(self, asked: Size) -> int:
        """How many hosts it offers, after all that nova lets it do."""
        found = self.client.get(
            "/allocation_candidates",
            params={
                "resources": f"VCPU:{asked.cpus},MEMORY_MB:{asked.memory_mib},"
                f"DISK_GB:{asked.disk_gib}",
                "limit": LIMIT,
            },
        )
        found.raise_for_status()
        return len(found.json()["allocation_requests"])

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                self.client.get("/").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.2)
            else:
                return
        raise TimeoutError(f"placement did not come up; see {self._folder}/placement.log")

    def _add(self, number: int, host: Size) -> None:
        provider = self.client.post("/resource_providers", json={"name": f"host-{number}"})
        provider.raise_for_status()
        inventories = {
            "VCPU": {"total": host.cpus, "allocation_ratio": 16.0},
            "MEMORY_MB": {"total": host.memory_mib},
            "DISK_GB": {"total": host.disk_gib},
        }
        self.client.put(
            f"/resource_providers/{provider.json()['uuid']}/inventories",
            json={"resource_provider_generation": 0, "inventories": inventories},
        ).raise_for_status()


def _environment() -> Path:
    """The peer's own virtual environment, made if its lock file is new."""
    cache = Path(os.environ.get("HELIO_CACHE", ROOT / ".cache"))
    folder = cache / "peers"
    stamp = folder / ".installed"
    wanted = LOCK.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print("installing OpenStack placement into an environment of its own", file=sys.stderr)
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True, timeout=900)
        stamp.write_text(wanted, encoding="utf-8")
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
