"""The nano edition: no Python, no package manager, set up through systemd's credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.os.guest.box import busybox_archive
from heliostat.os.guest.insider import credential
from heliostat.testing.editions import Key, edition_image
from heliostat.testing.machines import LONG_S, Machine, Shape, booted, overlay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(100),
    pytest.mark.timeout(2400),
    pytest.mark.asyncio(loop_scope="module"),
]

NAME = "example.invalid/box:1"
NETWORK = "[Match]\nName=eth0\n[Network]\nDHCP=yes\nAddress=192.0.2.9/24\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("nano")
    disk = overlay(edition_image("nano", cache), folder / "disk", "3G")
    archive = busybox_archive(folder / "box.tar", NAME)
    drive = f"file={archive},format=raw,if=none,id=archive,read-only=on"
    devices = [
        *("-drive", drive, "-device", "virtio-blk-pci,drive=archive,serial=archive"),
        *credential("system.hostname", "mirror-9"),
        *credential("ssh.authorized_keys.root", key.public),
        *credential("network.network.50-site", NETWORK),
    ]
    async with booted(disk, folder, Shape(memory_mib=512, devices=devices)) as machine:
        await machine.settled()
        yield machine


async def test_it_runs_and_holds_neither_python_nor_a_package_manager(machine: Machine) -> None:
    health = await machine.health()
    assert (health.state, health.failed, health.errors) == ("running", (), ())
    found = await machine.run("ls /usr/bin | grep -E '^(python|rpm|dnf|apt|tdnf)' || true")
    assert found == ""


async def test_credentials_give_name_network_and_keys(machine: Machine, key: Key) -> None:
    assert (await machine.run("uname -n")).strip() == "mirror-9"
    assert "192.0.2.9/24" in await machine.run("ip -o address show eth0")
    said = await machine.ssh(key.private, "root", "id", "-un")
    assert (said.code, said.out.strip()) == (0, "root"), said.err


async def test_a_container_starts_from_an_archive_under_containerd(machine: Machine) -> None:
    archive = "/dev/disk/by-id/virtio-archive"
    await machine.run("command -v ctr containerd")
    await machine.run(f"cat {archive} > /var/tmp/box.tar && ctr images import /var/tmp/box.tar")
    said = await machine.run(f"ctr run --rm {NAME} once sh -c 'echo inside'", timeout_s=LONG_S)
    assert said.strip() == "inside"
