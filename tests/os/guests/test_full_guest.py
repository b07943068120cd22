"""The full edition in a guest: etcd and auditing at work, containers of podman without root."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.container_images import busybox_archive
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import Machine, Shape, booted, overlay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(600),
    pytest.mark.timeout(1200),
    pytest.mark.asyncio(loop_scope="module"),
]

NAME = "example.invalid/box:1"
ARCHIVE = "/dev/disk/by-id/virtio-archive"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("full")
    disk = overlay(edition_image("full", cache), folder / "disk", "8G")
    archive = busybox_archive(folder / "box.tar", NAME)
    drive = f"file={archive},format=raw,if=none,id=archive,read-only=on"
    devices = ["-drive", drive, "-device", "virtio-blk-pci,drive=archive,serial=archive"]
    seed = nocloud(folder / "seed", order(key))
    shape = Shape(memory_mib=1536, devices=devices)
    async with booted(disk, folder, shape, seed=seed) as machine:
        await machine.settled()
        yield machine


async def test_it_runs_with_etcd_and_auditing(machine: Machine) -> None:
    health = await machine.health()
    assert (health.state, health.failed) == ("running", ())
    states = await machine.run("systemctl is-active etcd auditd audit-rules")
    assert states.split() == ["active"] * 3
    await machine.run("etcdctl put seen yes")
    assert "yes" in await machine.run("etcdctl get seen --print-value-only")


async def test_a_change_of_sudoers_shows_in_the_report(machine: Machine) -> None:
    await machine.run("echo '# seen' > /etc/sudoers.d/60-mine; rm /etc/sudoers.d/60-mine")
    found = "ausearch -k sudoers_changes -i </dev/null 2>/dev/null | grep -q 60-mine"
    await machine.run(f"for i in $(seq 40); do {found} && exit 0; sleep 0.5; done; exit 1")
    assert "sudoers_changes" in await machine.run("aureport -k -i --summary </dev/null")


async def test_the_same_archive_runs_under_podman(machine: Machine) -> None:
    await machine.run(f"podman load < {ARCHIVE}", timeout_s=180)
    said = await machine.run(
        f"podman run --rm --network none {NAME} sh -c 'echo under podman'", timeout_s=180
    )
    assert said.strip() == "under podman"


async def test_a_person_runs_containers_without_rights(machine: Machine) -> None:
    """Sub-ids come from /etc/subuid, the namespace from the policy of the kernel."""
    await machine.run("usermod --add-subuids 200000-265535 --add-subgids 200000-265535 helio")
    await machine.run(f"loginctl enable-linger helio; cat {ARCHIVE} > /var/tmp/box.tar")
    await machine.run("chmod 644 /var/tmp/box.tar")
    own = "runuser -u helio -- env HOME=/home/helio XDG_RUNTIME_DIR=/run/user/$(id -u helio)"
    await machine.run(f"cd /home/helio; {own} podman load -i /var/tmp/box.tar", timeout_s=240)
    once = f"{own} podman run --rm --network none {NAME} sh -c"
    inside = "'id -u; cat /proc/self/uid_map'"
    said = await machine.run(f"cd /home/helio; {once} {inside}", timeout_s=240)
    assert said.split()[0] == "0"
    assert "200000" in said


async def test_tools_are_there(machine: Machine) -> None:
    await machine.run(
        "printf 'int main(){return 0;}' > /tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a"
    )
    await machine.run("git --version && kubectl version --client=true && vim --version | head -1")
