"""A whole platform in a folder of its own: real processes, real guests, for system tests.

Everything is started as ``helio up`` starts it and ended by pid when the test ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.agent.hypervisors.qemu import process as guest_process
from heliostat.client.client import Client
from heliostat.client.waiting import Patience
from heliostat.server import pidfile
from heliostat.server.home import Home
from heliostat.wire.flavors import FlavorCreateSpec
from heliostat.wire.projects import ProjectCreateSpec
from heliostat.wire.quotas import QuotaItemSpec, QuotaLineItemSpec, QuotaSpec
from heliostat.wire.tasks import Task
from heliostat.wire.tenants import TenantCreateSpec
from heliostat.wire.vms import AttachedDiskSpec, VmCreateSpec

COMMAND_TIMEOUT_S = 300.0
WAIT_S = 180.0
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Told:
    """What a command answered."""

    exit_code: int
    stdout: str
    stderr: str


class TestPlatform:
    """One platform; ``helio`` runs commands against it, ``client`` is its owner's."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.launcher: list[str] = []
        """What its programs are started by, such as a way into another network."""
        self.environ = {
            **os.environ,
            "HELIO_HOME": str(folder),
            "HELIO_CONFIG": str(folder / "client.toml"),
            "HELIO__AGENT__ACCELERATOR": "tcg",
            "HELIO_MACHINE_ROOT": str(folder / "machine"),
        }

    def helio(self, *arguments: str, timeout_s: float = COMMAND_TIMEOUT_S) -> Told:
        """Run ``helio`` with ``arguments``; its exit code is the caller's to judge."""
        done = subprocess.run(
            [*self.launcher, sys.executable, "-m", "heliostat.cli", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def up(self) -> None:
        told = self.helio("up")
        assert told.exit_code == 0, told

    def down(self) -> None:
        told = self.helio("down")
        assert told.exit_code == 0, told

    @contextmanager
    def client(self) -> Iterator[Client]:
        """The API as the owner of the machine sees it."""
        with Client(f"unix:{self.home.socket}") as client:
            yield client

    def kill(self, role: str) -> None:
        """``kill -9`` a role and wait until it is gone."""
        process = pidfile.read(self.home.pid_file(role))
        assert process is not None, f"no {role} runs"
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not process.is_alive, f"the {role} to die")

    def guest_pids(self) -> list[int]:
        """QEMU processes of this platform's guests."""
        folders = sorted((self.home.agent / "vms").glob("*"))
        found = [guest_process.qemu_pid(folder) for folder in folders]
        return [pid for pid in found if pid is not None]

    def close(self) -> None:
        """End every process of this platform, whatever state it is in."""
        for role in ("agent", "controller"):
            pidfile.stop(self.home.pid_file(role), timeout_s=10)
        for pid in self.guest_pids():
            os.kill(pid, signal.SIGKILL)


@contextmanager
def platform() -> Iterator[TestPlatform]:
    """A platform that is not started yet, in a short path (sockets need one)."""
    folder = Path(tempfile.mkdtemp(prefix="helio-", dir="/tmp"))
    made = TestPlatform(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def until(holds: Callable[[], object], what: str, *, timeout_s: float = WAIT_S) -> None:
    """Wait until ``holds``; fails naming what did not happen."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(POLL_S)


def wait(client: Client, task: Task, *, timeout_s: float = WAIT_S) -> Task:
    """The task once COMPLETED; raises ``TaskFailed`` or ``TimedOut``."""
    return client.tasks.wait(task, patience=Patience(timeout_s))


def made(task: Task) -> str:
    """The id of what a create task made."""
    assert task.entity is not None
    return task.entity.id


@dataclass(frozen=True, slots=True)
class Site:
    """What most system tests start from."""

    tenant_id: str
    project_id: str
    image_id: str

    def vm(self, name: str = "one", *, ssh_keys: list[str] | None = None) -> VmCreateSpec:
        """A small VM of the site's image."""
        boot = AttachedDiskSpec(name="boot", flavor="test-boot", boot_disk=True)
        return VmCreateSpec(
            name=name,
            flavor="test-vm",
            source_image_id=self.image_id,
            attached_disks=[boot],
            ssh_keys=ssh_keys,
        )


def furnish(client: Client, image: Path) -> Site:
    """A tenant with a quota, a project, flavors and ``image``, uploaded."""
    limits = QuotaSpec(quota_items={"vm.cpu": QuotaItemSpec(limit=8, unit="COUNT")})
    spec = TenantCreateSpec(name="acme", quota=limits)
    tenant_id = made(wait(client, client.tenants.create(spec).submit()))
    project = ProjectCreateSpec(name="web", quota=limits)
    project_id = made(wait(client, client.projects.create(tenant_id, project).submit()))
    for name, kind, cost in (
        ("test-vm", "vm", [("vm.cpu", 1, "COUNT"), ("vm.memory", 192, "MB")]),
        ("test-boot", "ephemeral-disk", [("ephemeral-disk", 1, "COUNT")]),
        ("test-data", "persistent-disk", [("persistent-disk", 1, "COUNT")]),
    ):
        lines = [QuotaLineItemSpec(key=k, value=v, unit=u) for k, v, u in cost]
        flavor = FlavorCreateSpec(name=name, kind=kind, cost=lines)
        wait(client, client.flavors.create(flavor).submit())
    image_id = made(wait(client, client.images.upload(image, name="tiny").submit()))
    return Site(tenant_id, project_id, image_id)
