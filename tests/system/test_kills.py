"""``kill -9`` of the agent or the controller while a running guest is worked on.

Each operation is asked for, its worker is killed at once, and the platform is brought
up again: the operation ends, well, and the guest has gone on all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliostat.client.client import Client
from heliostat.os.image.tiny import READY, UP, TinyGuest
from heliostat.testing.platform import Site, TestPlatform, furnish, made, until, wait
from heliostat.wire.body import Locality
from heliostat.wire.disks import DiskCreateSpec
from heliostat.wire.tasks import Task

Asked = Callable[[Client], Task]


def running_vm(client: Client, site: Site) -> str:
    vm_id = made(wait(client, client.vms.create(site.project_id, site.vm()).submit()))
    wait(client, client.vms.power(vm_id, "start").submit())
    until(lambda: READY in client.vms.log(vm_id).text, "the guest to be up")
    return vm_id


def disk_beside(client: Client, site: Site, vm_id: str) -> str:
    spec = DiskCreateSpec(
        name="data",
        flavor="test-data",
        kind="persistent-disk",
        capacity_gb=1,
        affinities=[Locality(kind="vm", id=vm_id)],
    )
    return made(wait(client, client.disks.create(site.project_id, spec).submit()))


def life(vm_id: str, disk_id: str, iso: Path) -> Iterator[tuple[str, Asked]]:
    """What is asked for, in an order that leads back to where it began."""
    yield "attach", lambda client: client.vms.attach_disk(vm_id, disk_id).submit()
    yield "attach-iso", lambda client: client.vms.attach_iso(vm_id, iso, name="x.iso").submit()
    yield "suspend", lambda client: client.vms.power(vm_id, "suspend").submit()
    yield "resume", lambda client: client.vms.power(vm_id, "resume").submit()
    yield "detach-iso", lambda client: client.vms.detach_iso(vm_id).submit()
    yield "detach", lambda client: client.vms.detach_disk(vm_id, disk_id).submit()


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(120)
@pytest.mark.timeout(700)
@pytest.mark.parametrize("role", ["agent", "controller"])
def test_killed_in_the_middle(
    platform: TestPlatform, tiny: TinyGuest, tmp_path: Path, role: str
) -> None:
    iso = tmp_path / "x.iso"
    iso.write_bytes(b"disc".ljust(4 << 20, b"."))
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm_id = running_vm(client, site)
        disk_id = disk_beside(client, site, vm_id)
    (guest,) = platform.guest_pids()
    for name, ask in life(vm_id, disk_id, iso):
        with platform.client() as client:
            task = ask(client)
        platform.kill(role)
        platform.up()
        with platform.client() as client:
            assert wait(client, task).state == "COMPLETED", name
            vm = client.vms.get(vm_id)
            assert vm.state == ("SUSPENDED" if name == "suspend" else "STARTED"), name
        if name in ("attach", "attach-iso"):
            assert platform.guest_pids() == [guest], "it goes on beside all this"
    with platform.client() as client:
        assert client.disks.get(disk_id).state == "DETACHED"
        assert vm.attached_isos == []
        assert client.vms.log(vm_id).text.count(UP) == 1, "it was booted once"
        wait(client, client.vms.power(vm_id, "stop").submit())
        task = client.vms.create_image(vm_id, "golden").submit()
    platform.kill(role)
    platform.up()
    with platform.client() as client:
        assert wait(client, task).state == "COMPLETED"
        assert [each.state for each in client.images.list(name="golden")] == ["READY"]
        wait(client, client.vms.delete(vm_id).submit())
    until(lambda: not list((platform.home.agent / "captures").iterdir()), "an empty folder")
