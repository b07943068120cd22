"""The main job, done through the public API as its users do it.

The owner of the machine (over the Unix socket) makes what an administrator
makes: a service account, a tenant with a quota, flavors.  The account then
signs in over HTTPS with its key and does what a developer does: a project, an
image, a disk, a VM, start, attach, log in.  Every step looks for what is there
already, so running it again repeats nothing.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from heliostat.client.client import Client
from heliostat.client.config import Config, ConfigFile, Profile
from heliostat.client.credentials import ServiceAccount
from heliostat.client.signing import key_tool
from heliostat.client.tokens import ServiceKey
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.core.process import CommandFailed, Output, run
from heliostat.os.image.built import BuiltImage
from heliostat.os.monitor import Monitor
from heliostat.wire.body import EntityRef, Locality
from heliostat.wire.disks import Disk, DiskCreateSpec
from heliostat.wire.flavors import FlavorCreateSpec
from heliostat.wire.groups import GroupCreateSpec
from heliostat.wire.images import Image
from heliostat.wire.projects import Project, ProjectCreateSpec
from heliostat.wire.quotas import QuotaItemSpec, QuotaLineItemSpec, QuotaSpec
from heliostat.wire.tasks import Task
from heliostat.wire.tenants import Tenant, TenantCreateSpec
from heliostat.wire.vms import AttachedDiskSpec, Vm, VmCreateSpec

NAME = "demo"
GROUP = "demo-developers"
DISK_GB = 1
GUEST_UP_TIMEOUT_S = 600.0
GUEST_POLL_S = 2.0
SSH_TIMEOUT_S = 90.0
LOG_TAIL_BYTES = 4096
FLAVORS = {
    ("demo-vm", "vm"): [("vm", 1, "COUNT"), ("vm.cpu", 2, "COUNT"), ("vm.memory", 1, "GB")],
    ("demo-boot", "ephemeral-disk"): [("ephemeral-disk", 1, "COUNT")],
    ("demo-data", "persistent-disk"): [("persistent-disk", 1, "COUNT")],
}
TENANT_LIMITS = {"vm": (8, "COUNT"), "vm.cpu": (16, "COUNT"), "vm.memory": (16, "GB")}
PROJECT_LIMITS = {"vm": (4, "COUNT"), "vm.cpu": (8, "COUNT"), "vm.memory": (8, "GB")}


class Named(Protocol):
    """An entity that is found by its name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclasses.dataclass(frozen=True, slots=True)
class DemoHome:
    """The demo's files in a platform's home."""

    folder: Path

    @property
    def account_key(self) -> Path:
        """Private key of the service account, mode 0600."""
        return self.folder / "account.pem"

    @property
    def ssh_key(self) -> Path:
        """Private key that logs in to the guest, mode 0600."""
        return self.folder / "id_ed25519"

    @property
    def config(self) -> Path:
        """A configuration of ``helio`` that signs in as the demo's account."""
        return self.folder / "config.toml"


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """How the platform is reached."""

    home: Path
    socket: Path
    url: str
    ca_pem: str
    domain: str


class Demo:
    """One run of the main job."""

    def __init__(self, platform: Platform, monitor: Monitor) -> None:
        self._platform = platform
        self._monitor = monitor
        self._files = DemoHome(platform.home / "demo")

    def run(self, image: BuiltImage) -> Vm:
        """Everything, up to a login over SSH; returns the VM that answered."""
        with Client(f"unix:{self._platform.socket}") as owner:
            key = self._account(owner)
            tenant = self._tenant(owner)
            self._flavors(owner)
        self._remember(key)
        account = ServiceAccount(key)
        with Client(self._platform.url, account, self._platform.ca_pem) as cloud:
            project = self._project(cloud, tenant)
            uploaded = self._image(cloud, project, image)
            vm = self._vm(cloud, project, uploaded)
            disk = self._disk(cloud, project, vm)
            self._started(cloud, vm)
            self._attached(cloud, vm, disk)
            self._log_in(cloud, vm)
            return cloud.vms.get(vm.id)

    def _account(self, owner: Client) -> ServiceKey:
        path = self._files.account_key
        with self._monitor.step("service account demo"):
            if not path.exists():
                atomic_write(path, key_tool().new_key().encode(), mode=0o600)
            private_pem = path.read_text()
            group = f"{self._platform.domain}\\{GROUP}"
            if find(owner.groups.list(), GROUP) is None:
                owner.groups.create(GroupCreateSpec(name=GROUP)).submit()
            account = find(owner.service_accounts.list(), NAME)
            if account is None:
                public = key_tool().public_key(private_pem)
                account = owner.service_accounts.create(NAME, public, [group]).submit()
            return ServiceKey(account.client_id, private_pem)

    def _tenant(self, owner: Client) -> Tenant:
        with self._monitor.step("tenant demo with a quota"):
            tenant = find(owner.tenants.list(), NAME)
            if tenant is None:
                spec = TenantCreateSpec(
                    name=NAME,
                    security_groups=[f"{self._platform.domain}\\{GROUP}"],
                    quota=_quota(TENANT_LIMITS),
                )
                done = self._wait(owner, owner.tenants.create(spec).submit())
                tenant = owner.tenants.get(_entity(done).id)
            return tenant

    def _flavors(self, owner: Client) -> None:
        with self._monitor.step("flavors"):
            known = {(flavor.name, flavor.kind) for flavor in owner.flavors.list()}
            for (name, kind), cost in FLAVORS.items():
                if (name, kind) in known:
                    continue
                lines = [QuotaLineItemSpec(key=k, value=v, unit=unit) for k, v, unit in cost]
                spec = FlavorCreateSpec(name=name, kind=kind, cost=lines)
                self._wait(owner, owner.flavors.create(spec).submit())

    def _remember(self, key: ServiceKey) -> None:
        """Let ``HELIO_CONFIG`` make a shell the demo's developer."""
        profile = Profile(
            target=self._platform.url,
            ca_pem=self._platform.ca_pem,
            tenant=NAME,
            project=NAME,
            client_id=key.client_id,
            key_file=str(self._files.account_key),
        )
        ConfigFile(self._files.config).write(Config(profiles={"default": profile}))

    def _project(self, cloud: Client, tenant: Tenant) -> Project:
        with self._monitor.step("project demo with a share of the quota"):
            project = find(cloud.projects.list(tenant.id, name=NAME), NAME)
            if project is None:
                spec = ProjectCreateSpec(name=NAME, quota=_quota(PROJECT_LIMITS))
                done = self._wait(cloud, cloud.projects.create(tenant.id, spec).submit())
                project = cloud.projects.get(_entity(done).id)
            return project

    def _image(self, cloud: Client, project: Project, built: BuiltImage) -> Image:
        name = f"heliostat-{built.identity[:12]}"
        image = find(cloud.images.list(name=name, project_id=project.id), name)
        if image is not None and image.state == "READY":
            return image
        with self._monitor.step(f"image {name}"):
            upload = cloud.images.upload(built.path, name=name, project_id=project.id)
            upload = dataclasses.replace(upload, progress=self._told_upload)
            done = self._wait(cloud, upload.submit())
            return cloud.images.get(_entity(done).id)

    def _told_upload(self, sent: int, size: int) -> None:
        step = max(size // 5, 1)
        if sent == size or sent // step != (sent - (1 << 20)) // step:
            self._monitor.progress(f"{sent >> 20} of {size >> 20} MiB sent")

    def _vm(self, cloud: Client, project: Project, image: Image) -> Vm:
        with self._monitor.step("virtual machine demo"):
            vm = find(cloud.vms.list(project.id, name=NAME), NAME)
            if vm is None:
                boot = AttachedDiskSpec(name="boot", flavor="demo-boot", boot_disk=True)
                spec = VmCreateSpec(
                    name=NAME,
                    flavor="demo-vm",
                    source_image_id=image.id,
                    attached_disks=[boot],
                    ssh_keys=[self._ssh_public_key()],
                )
                done = self._wait(cloud, cloud.vms.create(project.id, spec).submit())
                vm = cloud.vms.get(_entity(done).id)
            return vm

    def _disk(self, cloud: Client, project: Project, vm: Vm) -> Disk:
        with self._monitor.step("persistent disk demo-data"):
            disk = find(cloud.disks.list(project.id, name="demo-data"), "demo-data")
            if disk is None:
                spec = DiskCreateSpec(
                    name="demo-data",
                    flavor="demo-data",
                    kind="persistent-disk",
                    capacity_gb=DISK_GB,
                    affinities=[Locality(kind="vm", id=vm.id)],
                )
                done = self._wait(cloud, cloud.disks.create(project.id, spec).submit())
                disk = cloud.disks.get(_entity(done).id)
            return disk

    def _started(self, cloud: Client, vm: Vm) -> None:
        with self._monitor.step("start the machine"):
            state = cloud.vms.get(vm.id).state
            if state == "STOPPED":
                self._wait(cloud, cloud.vms.power(vm.id, "start").submit())
            elif state == "SUSPENDED":
                self._wait(cloud, cloud.vms.power(vm.id, "resume").submit())

    def _attached(self, cloud: Client, vm: Vm, disk: Disk) -> None:
        with self._monitor.step("attach the disk"):
            if cloud.disks.get(disk.id).state != "ATTACHED":
                self._wait(cloud, cloud.vms.attach_disk(vm.id, disk.id).submit())

    def _log_in(self, cloud: Client, vm: Vm) -> None:
        """Wait until ``ssh`` gets in, telling what the console says meanwhile."""
        with self._monitor.step("wait for the guest and log in over SSH"):
            deadline = time.monotonic() + GUEST_UP_TIMEOUT_S
            shown = ""
            while True:
                try:
                    answer = self._ssh(vm, "hostname && lsblk -dno NAME,SIZE").stdout.split()
                except CommandFailed as error:
                    if time.monotonic() > deadline:
                        raise _unreachable(vm, error) from error
                else:
                    self._monitor.progress(f"logged in: {' '.join(answer)}")
                    return
                shown = self._told_console(cloud, vm, shown)
                time.sleep(GUEST_POLL_S)

    def _told_console(self, cloud: Client, vm: Vm, shown: str) -> str:
        try:
            text = cloud.vms.log(vm.id, tail_bytes=LOG_TAIL_BYTES).text
        except HeliostatError:
            return shown
        lines = [line.strip() for line in text.splitlines() if line.strip().isprintable()]
        last = next((line for line in reversed(lines) if line), "")
        if last and last != shown:
            self._monitor.progress(f"guest: {last[:80]}")
        return last

    def _ssh(self, vm: Vm, command: str) -> Output:
        """Run a command in the guest with the system's ssh, through ``helio vm ssh``."""
        argv = [sys.executable, "-m", "heliostat.cli", "vm", "ssh", vm.id]
        argv += ["--identity", str(self._files.ssh_key), "--", command]
        environ = {**os.environ, "HELIO_CONFIG": str(self._files.config)}
        return run(argv, timeout_s=SSH_TIMEOUT_S, env=environ)

    def _ssh_public_key(self) -> str:
        path = self._files.ssh_key
        if not path.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "heliostat-demo"]
            run([*argv, "-f", str(path)], timeout_s=30)
        return path.with_suffix(".pub").read_text().strip()

    def _wait(self, cloud: Client, task: Task) -> Task:
        """Wait for a task; a stall is told with its reason."""
        return cloud.tasks.wait(task, watcher=self._told_stall)

    def _told_stall(self, task: Task) -> None:
        if task.stalled is not None:
            self._monitor.progress(f"waits: {task.stalled.reason}")


def find(items: Iterable[N], name: str) -> N | None:
    """The item of that name, if there is one."""
    return next((item for item in items if item.name == name), None)


def _quota(limits: Mapping[str, tuple[float, str]]) -> QuotaSpec:
    return QuotaSpec(
        quota_items={
            key: QuotaItemSpec(limit=limit, unit=unit) for key, (limit, unit) in limits.items()
        }
    )


def _entity(task: Task) -> EntityRef:
    """What a create task made; every one of them names it."""
    assert task.entity is not None
    return task.entity


def _unreachable(vm: Vm, error: CommandFailed) -> HeliostatError:
    return HeliostatError(
        "GuestUnreachable",
        f"No login to {vm.name} within {GUEST_UP_TIMEOUT_S:.0f} s: {error.message}",
        hint=f"`helio vm log {vm.id}` shows how far it booted; then run `make up` again.",
    )
