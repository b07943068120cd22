"""The minimal edition wakes up in every cloud it knows, and becomes what was ordered there.

Each cloud answers at its own addresses on a network of the test; what the firmware says makes
cloud-init choose the source.  One boot each: the core of them runs with the slow tests, the
rest with them when the time budget allows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from heliostat.testing.clouds.azure import azure
from heliostat.testing.clouds.contract import Cloud, Order
from heliostat.testing.clouds.disks import nocloud, ovf_environment, volume
from heliostat.testing.clouds.ec2 import cloudstack, ec2, ec2_without_tokens
from heliostat.testing.clouds.gce import gce
from heliostat.testing.clouds.openstack import config_drive, openstack
from heliostat.testing.clouds.service import Site, serving
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.insider import credential
from heliostat.testing.machines import MAC, Machine, Shape, booted, overlay

pytestmark = [pytest.mark.slow, pytest.mark.qemu, pytest.mark.timeout(1200)]

USER_DATA = """\
#cloud-config
users:
  - default
  - name: mira
    uid: 4711
    groups: [adm]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
write_files:
  - {path: /etc/motd.d/told, permissions: "0640", content: "by the cloud\\n"}
timezone: Europe/Paris
bootcmd: [[touch, /run/early]]
runcmd: [[sh, -c, "id -un > /run/late"]]
"""
NETWORK = """\
version: 2
ethernets:
  eth0: {dhcp4: true, dhcp6: false, mtu: 1400, addresses: [192.0.2.7/24]}
"""


@dataclass(frozen=True, slots=True)
class Waking:
    """A machine that woke up as ordered, and the cloud it is in, if that has a network."""

    machine: Machine
    site: Site | None


@asynccontextmanager
async def waking(
    disk: Path,
    folder: Path,
    cloud: Cloud | None = None,
    *,
    seed: Path | None = None,
    smbios: Sequence[str] = (),
    devices: Sequence[str] = (),
) -> AsyncIterator[Waking]:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serving(cloud)) if cloud else None
        told = [*smbios, *(cloud.smbios if cloud else ())]
        shape = Shape(memory_mib=1024, smbios=told, devices=devices)
        net = site.net if site else None
        machine = await stack.enter_async_context(booted(disk, folder, shape, seed=seed, net=net))
        yield Waking(machine, site)


@pytest.fixture
def disk(cache: Path, tmp_path: Path) -> Path:
    return overlay(edition_image("minimal", cache), tmp_path / "disk", "6G")


async def is_as_ordered(machine: Machine, source: str, user: str = "helio") -> None:
    """Everything that user data asked for is there, and the source is the expected one."""
    state = await machine.settled()
    status = json.loads(await machine.run("cloud-init status --format json --wait; true"))
    assert status["status"] == "done", (state, status)
    assert status["errors"] == []
    assert status["datasource"].lower() == source.lower(), status
    assert state == "running", await machine.run("systemctl --failed --no-legend")
    assert (await machine.run("uname -n")).strip() == "mirror-8"
    assert (await machine.run("id -u mira; id -Gn mira")).split()[0] == "4711"
    assert "adm" in await machine.run("id -Gn mira")
    assert "NOPASSWD" in await machine.run("sudo -l -U mira")
    assert await machine.run("cat /etc/motd.d/told; stat -c %a /etc/motd.d/told") == (
        "by the cloud\n640\n"
    )
    assert "Europe/Paris" in await machine.run("readlink /etc/localtime")
    assert await machine.run("cat /run/late; ls /run/early") == "root\n/run/early\n"
    assert "mira" in await machine.run(f"cat ~{user}/.ssh/authorized_keys")


CLOUDS: dict[str, Callable[[Order], Cloud]] = {
    "ec2": ec2,
    "ec2-without-tokens": ec2_without_tokens,
    "openstack": lambda ordered: openstack(ordered, MAC),
    "gce": gce,
    "cloudstack": cloudstack,
    "azure": lambda ordered: azure(ordered, MAC),
}


@pytest.mark.takes(300)
@pytest.mark.parametrize("name", CLOUDS)
async def test_a_metadata_service_makes_the_machine(
    name: str, disk: Path, key: Key, tmp_path: Path
) -> None:
    ordered = order(key, USER_DATA)
    cloud = CLOUDS[name](ordered)
    async with waking(disk, tmp_path, cloud) as woken:
        user = "azureuser" if name == "azure" else "helio"
        await is_as_ordered(woken.machine, cloud.source, user)
        assert woken.site is not None
        asked = {(each.method, each.path) for each in woken.site.asked}
        if name == "ec2":
            assert ("PUT", "/latest/api/token") in asked
        if name == "azure":
            reported = [each for each in woken.site.asked if each.query.get("comp") == "health"]
            assert ">Ready<" in reported[-1].body


@pytest.mark.takes(110)
async def test_a_nocloud_seed_sets_up_the_network_too(disk: Path, key: Key, tmp_path: Path) -> None:
    seed = nocloud(tmp_path / "seed", order(key, USER_DATA), NETWORK)
    async with waking(disk, tmp_path, seed=seed) as woken:
        await is_as_ordered(woken.machine, "NoCloud")
        told = await woken.machine.run("ip -o address show eth0; ip link show eth0")
        assert "192.0.2.7/24" in told
        assert "10.0.2.15" in told
        assert "mtu 1400" in told


@pytest.mark.takes(110)
async def test_a_config_drive_makes_the_machine(disk: Path, key: Key, tmp_path: Path) -> None:
    files = config_drive(order(key, USER_DATA), MAC)
    seed = volume(tmp_path / "drive", "config-2", files)
    async with waking(disk, tmp_path, seed=seed) as woken:
        await is_as_ordered(woken.machine, "ConfigDrive")
        assert "mtu 1400" in await woken.machine.run("ip link show eth0")


@pytest.mark.takes(110)
async def test_an_ovf_environment_on_a_cd_makes_the_machine(
    disk: Path, key: Key, tmp_path: Path
) -> None:
    files = {"ovf-env.xml": ovf_environment(order(key, USER_DATA))}
    cd = volume(tmp_path / "cd", "OVF ENV", files)
    drive = ["-drive", f"file={cd},format=raw,media=cdrom,if=none,id=cd,read-only=on"]
    devices = [*drive, "-device", "ide-cd,drive=cd"]
    async with waking(disk, tmp_path, devices=devices) as woken:
        await woken.machine.settled()
        if "virt" not in await woken.machine.run("uname -r"):
            pytest.skip("only linux-virt knows CD drives before sources are sought: `make kernel`")
        await is_as_ordered(woken.machine, "OVF")


RPCTOOL = """\
#!/bin/sh
case $1 in
    "info-get guestinfo.metadata") echo '{metadata}' ;;
    "info-get guestinfo.userdata") echo '{userdata}' ;;
    "info-get guestinfo."*.encoding) echo base64 ;;
    "info-set "*) echo "$1" >> /run/told-to-the-host ;;
    *) printf 'No value found' >&2; exit 1 ;;
esac
"""
INSTALL = """\
install -D -m 755 /run/credentials/@system/rpctool /usr/local/bin/vmware-rpctool
echo 'datasource: VMware' > /etc/cloud/ds-identify.cfg
rm -rf /etc/machine-id /etc/ssh/ssh_host_* /etc/hostname /var/lib/cloud
echo uninitialized > /etc/machine-id; sync
"""


@pytest.mark.takes(300)
async def test_vmware_guest_information_makes_the_machine(
    disk: Path, key: Key, tmp_path: Path
) -> None:
    """VMware's channel can't be emulated: its command-line program is stood in for.

    The first boot puts it there, and tells ds-identify, which asks the processor for VMware.
    """
    ordered = order(key, USER_DATA)
    metadata = {"instance-id": ordered.instance_id, "local-hostname": ordered.hostname}
    metadata["public-keys-data"] = ordered.public_key
    tool = RPCTOOL.format(metadata=_base64(json.dumps(metadata)), userdata=_base64(USER_DATA))
    smbios = ["type=1,manufacturer=VMware,, Inc.,product=VMware7,,1"]
    first = tmp_path / "first"
    first.mkdir()
    async with waking(disk, first, devices=credential("rpctool", tool)) as woken:
        await woken.machine.settled()
        await woken.machine.run(INSTALL)
        await woken.machine.switch_off()
    async with waking(disk, tmp_path, smbios=smbios) as woken:
        await is_as_ordered(woken.machine, "VMware")
        told = await woken.machine.run("cat /run/told-to-the-host")
        assert "guestinfo.local-ipv4" in told


@pytest.mark.takes(90)
async def test_user_data_may_ask_for_the_power_to_go(disk: Path, key: Key, tmp_path: Path) -> None:
    asked = "#cloud-config\npower_state: {mode: poweroff, message: enough, timeout: 30}\n"
    seed = nocloud(tmp_path / "seed", replace(order(key), user_data=asked))
    async with waking(disk, tmp_path, seed=seed) as woken:
        assert await woken.machine.guest.exit_code(timeout_s=240) == 0


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
