"""The minimal edition wakes up in every cloud it knows, and becomes what was ordered there.

Each cloud answers at its own addresses on a network of the test; what the firmware says makes
cloud-init choose the source.  One boot each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.testing.clouds.azure import LABEL, USER, azure, provisioning
from heliostat.testing.clouds.contract import Cloud, Order
from heliostat.testing.clouds.disks import nocloud, ovf_environment, udf_volume, volume
from heliostat.testing.clouds.ec2 import cloudstack, ec2, ec2_without_tokens
from heliostat.testing.clouds.gce import gce
from heliostat.testing.clouds.openstack import config_drive, openstack
from heliostat.testing.clouds.service import Site
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.first_boot import USER_DATA, cd, is_as_ordered, waking
from heliostat.testing.machines import BOOT_S, MAC, Machine, overlay

pytestmark = [pytest.mark.slow, pytest.mark.qemu, pytest.mark.timeout(2400)]

PASSWORD = "Umbra-47-quartz-Lamp9"
NETWORK = """\
version: 2
ethernets:
  eth0: {dhcp4: true, dhcp6: false, mtu: 1400, addresses: [192.0.2.7/24]}
"""


@pytest.fixture
def disk(cache: Path, tmp_path: Path) -> Path:
    return overlay(edition_image("minimal", cache), tmp_path / "disk", "6G")


CLOUDS: dict[str, Callable[[Order], Cloud]] = {
    "ec2": ec2,
    "ec2-without-tokens": ec2_without_tokens,
    "openstack": lambda ordered: openstack(ordered, MAC),
    "gce": lambda ordered: gce(ordered, MAC),
    "cloudstack": lambda ordered: cloudstack(ordered, PASSWORD),
}


@pytest.mark.takes(110)
@pytest.mark.parametrize("name", CLOUDS)
async def test_a_metadata_service_makes_the_machine(
    name: str, disk: Path, key: Key, tmp_path: Path
) -> None:
    cloud = CLOUDS[name](order(key, USER_DATA))
    async with waking(disk, tmp_path, cloud) as woken:
        await is_as_ordered(woken.machine, cloud.source, key)
        assert woken.site is not None
        if name == "ec2":
            asked = {(each.method, each.path) for each in woken.site.asked}
            assert ("PUT", "/latest/api/token") in asked
        if name == "cloudstack":
            assert " P " in await woken.machine.run("passwd -S helio")


@pytest.mark.takes(110)
async def test_azure_makes_the_machine_from_its_cd(disk: Path, key: Key, tmp_path: Path) -> None:
    """User data are on the CD alone, as custom data are in Azure; it is ejected when read."""
    ordered = order(key, USER_DATA)
    disc = udf_volume(tmp_path / "cd", LABEL, {"ovf-env.xml": provisioning(ordered)})
    cloud = azure(replace(ordered, user_data=""), MAC)
    async with waking(disk, tmp_path, cloud, devices=cd(disc)) as woken:
        await woken.machine.settled()
        await _needs_our_kernel(woken.machine)
        await is_as_ordered(woken.machine, cloud.source, key, USER)
        _was_told_ready(woken.site)


@pytest.mark.takes(110)
async def test_azure_makes_the_machine_from_its_metadata(
    disk: Path, key: Key, tmp_path: Path
) -> None:
    cloud = azure(order(key, USER_DATA), MAC)
    async with waking(disk, tmp_path, cloud) as woken:
        await is_as_ordered(woken.machine, cloud.source, key, USER)
        _was_told_ready(woken.site)


@pytest.mark.takes(110)
async def test_a_nocloud_seed_sets_up_the_network_too(disk: Path, key: Key, tmp_path: Path) -> None:
    seed = nocloud(tmp_path / "seed", order(key, USER_DATA), NETWORK)
    async with waking(disk, tmp_path, seed=seed) as woken:
        await is_as_ordered(woken.machine, "NoCloud", key)
        told = await woken.machine.run("ip -o address show eth0; ip link show eth0")
        assert "192.0.2.7/24" in told
        assert "10.0.2.15" in told
        assert "mtu 1400" in told


@pytest.mark.takes(110)
async def test_a_config_drive_makes_the_machine(disk: Path, key: Key, tmp_path: Path) -> None:
    files = config_drive(order(key, USER_DATA), MAC)
    seed = volume(tmp_path / "drive", "config-2", files)
    async with waking(disk, tmp_path, seed=seed) as woken:
        await is_as_ordered(woken.machine, "ConfigDrive", key)
        assert "mtu 1400" in await woken.machine.run("ip link show eth0")


@pytest.mark.takes(110)
async def test_an_ovf_environment_on_a_cd_makes_the_machine(
    disk: Path, key: Key, tmp_path: Path
) -> None:
    files = {"ovf-env.xml": ovf_environment(order(key, USER_DATA))}
    disc = volume(tmp_path / "cd", "OVF ENV", files)
    async with waking(disk, tmp_path, devices=cd(disc)) as woken:
        await woken.machine.settled()
        await _needs_our_kernel(woken.machine)
        await is_as_ordered(woken.machine, "OVF", key)


@pytest.mark.takes(90)
async def test_user_data_may_ask_for_the_power_to_go(disk: Path, key: Key, tmp_path: Path) -> None:
    asked = "#cloud-config\npower_state: {mode: poweroff, message: enough, timeout: 30}\n"
    seed = nocloud(tmp_path / "seed", replace(order(key), user_data=asked))
    async with waking(disk, tmp_path, seed=seed) as woken:
        assert await woken.machine.guest.exit_code(timeout_s=BOOT_S) == 0


async def _needs_our_kernel(machine: Machine) -> None:
    if "virt" not in await machine.run("uname -r"):
        pytest.skip("only linux-virt knows CD drives before sources are sought: `make kernel`")


def _was_told_ready(site: Site | None) -> None:
    """The wire server was, by the machine: Azure would call it failed otherwise."""
    assert site is not None
    reported = [each for each in site.asked if each.query.get("comp") == "health"]
    assert ">Ready<" in reported[-1].body
