"""The whole platform: real processes, a real guest, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import uuid
from pathlib import Path

import pytest

from heliostat.client.client import Client
from heliostat.client.waiting import TaskFailed
from heliostat.core.errors import HeliostatError
from heliostat.os.image.tiny import POWER_BUTTON, READY, UP, TinyGuest
from heliostat.server import pidfile
from heliostat.testing.editions import edition_image
from heliostat.testing.platform import Site, TestPlatform, furnish, made, until, wait
from heliostat.testing.platform import platform as new_platform
from heliostat.wire.body import Locality
from heliostat.wire.disks import DiskCreateSpec
from heliostat.wire.flavors import FlavorCreateSpec
from heliostat.wire.quotas import QuotaLineItemSpec
from heliostat.wire.tenants import TenantCreateSpec
from heliostat.wire.vms import Vm

CACHE = Path(os.environ.get("HELIO_CACHE") or Path(__file__).parents[2] / ".cache")


def states(client: Client, site: Site) -> dict[str, str]:
    return {vm.name: vm.state for vm in client.vms.list(site.project_id)}


def create(client: Client, site: Site, name: str = "one") -> Vm:
    task = wait(client, client.vms.create(site.project_id, site.vm(name)).submit())
    return client.vms.get(made(task))


def used_cpus(client: Client, site: Site) -> float:
    return client.projects.get(site.project_id).quota.quota_items["vm.cpu"].usage


@pytest.mark.qemu
def test_a_machines_life(platform: TestPlatform, tiny: TinyGuest) -> None:
    """Create, start, log, attach, stop, delete: nothing is left of it."""
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm = create(client, site)
        assert vm.state == "STOPPED"
        assert used_cpus(client, site) == 1
        spec = DiskCreateSpec(
            name="data",
            flavor="test-data",
            kind="persistent-disk",
            capacity_gb=1,
            affinities=[Locality(kind="vm", id=vm.id)],
        )
        disk = made(wait(client, client.disks.create(site.project_id, spec).submit()))
        started = client.vms.power(vm.id, "start").submit()
        assert started.state == "QUEUED"
        wait(client, started)
        assert len(platform.guest_pids()) == 1
        until(lambda: READY in client.vms.log(vm.id).text, "the guest to be up")
        wait(client, client.vms.attach_disk(vm.id, disk).submit())
        assert client.disks.get(disk).vms == [vm.id]
        assert client.vms.stats(vm.id).samples is not None
        with pytest.raises(HeliostatError) as raised:
            client.vms.delete(vm.id).submit()
        assert raised.value.code in ("InvalidVmState", "PersistentDiskAttached")
        wait(client, client.vms.detach_disk(vm.id, disk).submit())
        wait(client, client.vms.power(vm.id, "stop").submit())
        assert states(client, site) == {"one": "STOPPED"}
        wait(client, client.vms.delete(vm.id).submit())
        wait(client, client.disks.delete(disk, now=True).submit())
        assert used_cpus(client, site) == 0
    assert platform.guest_pids() == []
    assert list((platform.home.agent / "vms").iterdir()) == []
    assert list((platform.home.agent / "disks").iterdir()) == []


def test_wrong_starts_say_what_is_wrong(platform: TestPlatform) -> None:
    """A taken port, an unknown setting, a second start, no platform."""
    told = platform.helio("status")
    assert (told.exit_code, "Unreachable" in told.stderr) == (3, True)
    told = platform.helio("demo")
    assert "NotRunning" in told.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        platform.home.config.write_text(f"[api]\nport = {port}\n[agents]\nport = {port + 1}\n")
        told = platform.helio("up")
        assert told.exit_code == 1
        assert f"Port {port}" in told.stderr
        assert "PortTaken" in told.stderr
    assert pidfile.read(platform.home.pid_file("controller")) is None
    platform.home.config.write_text("[api]\nprot = 9000\n")
    told = platform.helio("up")
    assert told.exit_code == 1
    assert "Did you mean port?" in told.stderr


def test_no_qemu_is_said_at_once(platform: TestPlatform, tmp_path: Path) -> None:
    platform.environ["PATH"] = str(tmp_path)
    told = platform.helio("up")
    assert told.exit_code == 1
    assert "QemuMissing" in told.stderr
    assert "apt-get install" in told.stderr


def test_two_platforms_live_on_one_machine(platform: TestPlatform) -> None:
    with new_platform() as other:
        platform.up()
        other.up()
        addresses = set()
        for each in (platform, other):
            with each.client() as client:
                auth = client.system.auth()
                addresses.add((auth.endpoint, auth.port))
                assert [host.agent_state for host in client.hosts.list()] == ["ACTIVE"]
        assert len(addresses) == 2
        other.down()
        assert platform.helio("status").exit_code == 0


def test_a_damaged_store_is_refused_and_restored_from_its_copy(platform: TestPlatform) -> None:
    platform.up()
    with platform.client() as client:
        wait(client, client.tenants.create(TenantCreateSpec(name="acme")).submit())
    until(lambda: list(platform.home.backup.glob("store-*.db")), "the first copy")
    platform.down()
    (copy,) = platform.home.backup.glob("store-*.db")
    platform.home.store.write_bytes(b"this is no database" * 500)
    told = platform.helio("up")
    assert told.exit_code == 1
    assert "StoreCorrupt" in told.stderr
    assert platform.helio("restore", str(copy)).exit_code == 0
    platform.up()
    assert platform.helio("status").exit_code == 0


def test_the_password_is_shown_once_and_kept_nowhere(platform: TestPlatform) -> None:
    told = platform.helio("up")
    assert told.exit_code == 0, told
    password = told.stdout.partition("password is ")[2].split()[0]
    assert "password is" not in platform.helio("up").stdout
    for path in platform.home.path.rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path
    assert stat.S_IMODE(platform.home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(platform.home.socket.stat().st_mode) == 0o600


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(400)
def test_controller_killed_in_the_middle_of_everything(
    platform: TestPlatform, tiny: TinyGuest
) -> None:
    """``kill -9`` during create and delete: each ends done or undone, and the books balance."""
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        asked = [client.vms.create(site.project_id, site.vm(f"v{n}")).submit() for n in range(4)]
    platform.kill("controller")
    platform.up()
    with platform.client() as client:
        ended = [_ended(client, task.id) for task in asked]
        assert set(ended) <= {"COMPLETED", "ERROR"}
        there = states(client, site)
        assert len(there) == ended.count("COMPLETED")
        assert set(there.values()) <= {"STOPPED"}
        assert used_cpus(client, site) == len(there)
        asked = [client.vms.delete(vm.id).submit() for vm in list(client.vms.list(site.project_id))]
    platform.kill("controller")
    platform.up()
    with platform.client() as client:
        assert {_ended(client, task.id) for task in asked} <= {"COMPLETED"}
        assert states(client, site) == {}
        assert used_cpus(client, site) == 0
    until(lambda: not list((platform.home.agent / "vms").iterdir()), "the host to be empty")


def _ended(client: Client, task_id: str) -> str:
    try:
        return wait(client, client.tasks.get(task_id)).state
    except TaskFailed as error:
        return error.task.state


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(400)
def test_agent_gone_in_the_middle_of_a_create(platform: TestPlatform, tiny: TinyGuest) -> None:
    """The task says whom it waits for; when the agent is back, it ends well."""
    platform.environ["HELIO__WORKFLOWS__EXPECTED_S"] = "1"
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        running = create(client, site, "running")
        wait(client, client.vms.power(running.id, "start").submit())
        platform.kill("agent")
        guests = platform.guest_pids()
        assert guests, "the guest runs on without its agent"
        task = client.vms.create(site.project_id, site.vm("two")).submit()
        until(lambda: client.tasks.get(task.id).stalled, "the task to say that it waits")
        stalled = client.tasks.get(task.id).stalled
        assert stalled is not None
        assert "agent" in stalled.reason
        assert stalled.actions
        platform.up()
        wait(client, task)
        assert states(client, site) == {"running": "STARTED", "two": "STOPPED"}
        assert platform.guest_pids() == guests, "the guest was adopted, not started again"


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(90)
@pytest.mark.timeout(400)
def test_guests_go_down_and_come_back_with_their_host(
    platform: TestPlatform, tiny: TinyGuest
) -> None:
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        on, off = create(client, site, "on"), create(client, site, "off")
        wait(client, client.vms.power(on.id, "start").submit())
    platform.down()
    assert platform.guest_pids() == []
    platform.up()
    with platform.client() as client:
        until(lambda: len(platform.guest_pids()) == 1, "the started guest to come back")
        assert states(client, site) == {"on": "STARTED", "off": "STOPPED"}
        assert client.vms.get(off.id).state == "STOPPED"


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(400)
def test_a_suspended_guest_goes_on_where_it_was(platform: TestPlatform, tiny: TinyGuest) -> None:
    """Its memory is freed, its disk stays plugged, and its host may go down in between."""
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm = create(client, site)
        near = [Locality(kind="vm", id=vm.id)]
        spec = DiskCreateSpec(
            name="data", flavor="test-data", kind="persistent-disk", capacity_gb=1, affinities=near
        )
        disk = made(wait(client, client.disks.create(site.project_id, spec).submit()))
        wait(client, client.vms.power(vm.id, "start").submit())
        until(lambda: READY in client.vms.log(vm.id).text, "the guest to be up")
        wait(client, client.vms.attach_disk(vm.id, disk).submit())
        wait(client, client.vms.power(vm.id, "suspend").submit())
        assert states(client, site) == {"one": "SUSPENDED"}
        assert platform.guest_pids() == []
    platform.down()
    platform.up()
    with platform.client() as client:
        assert states(client, site) == {"one": "SUSPENDED"}
        wait(client, client.vms.power(vm.id, "resume").submit())
        assert len(platform.guest_pids()) == 1
        assert client.disks.get(disk).vms == [vm.id]
        wait(client, client.vms.detach_disk(vm.id, disk).submit())  # the guest lets go of it
        wait(client, client.vms.power(vm.id, "stop").submit())
        text = client.vms.log(vm.id).text
        assert text.count(UP) == 1, "it was not booted again"
        assert POWER_BUTTON in text, "what it had started before goes on"


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(150)
@pytest.mark.timeout(600)
def test_the_minimal_image_is_suspended_and_goes_on(platform: TestPlatform) -> None:
    """A file in the guest's memory is there afterwards, and its uptime has gone on."""
    image = edition_image("minimal", CACHE)
    key = platform.home.path / "key"
    make_key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    platform.home.path.mkdir(exist_ok=True, mode=0o700)
    subprocess.run(make_key, check=True)
    platform.up()
    with platform.client() as client:
        site = furnish(client, image)
        cost = [("vm.cpu", 2, "COUNT"), ("vm.memory", 768, "MB")]
        lines = [QuotaLineItemSpec(key=k, value=v, unit=u) for k, v, u in cost]
        wait(
            client,
            client.flavors.create(FlavorCreateSpec(name="larger", kind="vm", cost=lines)).submit(),
        )
        spec = site.vm(ssh_keys=[key.with_suffix(".pub").read_text().strip()])
        spec.flavor = "larger"
        vm = client.vms.get(made(wait(client, client.vms.create(site.project_id, spec).submit())))
        wait(client, client.vms.power(vm.id, "start").submit())

        def ssh(command: str) -> str:
            told = platform.helio(
                "vm", "ssh", vm.id, "-i", str(key), "--wait", "240", "--", command
            )
            assert told.exit_code == 0, told
            return told.stdout

        first = ssh("echo kept > /run/kept; cat /proc/sys/kernel/random/boot_id /proc/uptime")
        wait(client, client.vms.power(vm.id, "suspend").submit())
        assert platform.guest_pids() == []
        wait(client, client.vms.power(vm.id, "resume").submit())
        then = ssh("cat /proc/sys/kernel/random/boot_id /proc/uptime /run/kept")
        assert first.split()[0] == then.split()[0]
        assert float(first.split()[1]) < float(then.split()[1])
        assert "kept" in then
        wait(client, client.vms.power(vm.id, "stop").submit())


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(400)
def test_a_crashed_guest_is_told_and_started_again(platform: TestPlatform, tiny: TinyGuest) -> None:
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm = create(client, site)
        wait(client, client.vms.power(vm.id, "start").submit())
        (first,) = platform.guest_pids()
        os.kill(first, signal.SIGKILL)
        until(lambda: platform.guest_pids() not in ([], [first]), "the guest to be started again")

        def told() -> list[str]:
            return [t.operation for t in client.vms.tasks(vm.id) if t.state == "ERROR"]

        until(lambda: told() == ["GUEST_CRASHED"], "the crash to be told")
        assert client.vms.get(vm.id).state == "STARTED"


def test_json_is_json_also_for_errors(platform: TestPlatform) -> None:
    platform.up()
    told = platform.helio("-o", "json", "vm", "show", str(uuid.uuid4()))
    assert told.exit_code == 1
    error = json.loads(told.stderr)
    assert error["code"] == "VmNotFound"
    assert {"message", "hint"} <= error.keys()
