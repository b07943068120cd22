"""The agent of the platform that an image wakes on starts by itself, and does its work."""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path

import pytest

from heliostat.testing.clouds.gce import gce
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.first_boot import USER_DATA, is_as_ordered, waking
from heliostat.testing.machines import MAC, overlay
from heliostat.testing.planted import with_programs

pytestmark = [pytest.mark.slow, pytest.mark.qemu, pytest.mark.timeout(2400)]

GOOGLE = "google-guest-agent.service"
STARTUP = "#!/bin/sh\nid -un > /run/started\n"


@pytest.mark.takes(150)
async def test_googles_agent_makes_accounts_and_runs_scripts(
    cache: Path, key: Key, tmp_path: Path
) -> None:
    """It is in the image for Google only; keys of accounts that cloud-init doesn't make are its."""
    packed = edition_image("minimal", cache, "gce")
    with tarfile.open(packed) as archive:
        archive.extract("disk.raw", tmp_path)
    disk = overlay(tmp_path / "disk.raw", tmp_path / "disk", "6G", image_format="raw")
    keys = f"cloudinit:{key.public}\nada:{key.public}"
    cloud = gce(order(key, USER_DATA), MAC, {"ssh-keys": keys, "startup-script": STARTUP})
    async with waking(disk, tmp_path, cloud) as woken:
        machine = woken.machine
        await is_as_ordered(machine, "GCE", key)
        assert (await machine.run(f"systemctl is-active {GOOGLE}")).strip() == "active"
        assert await machine.run("cat /run/started") == "root\n"
        signed_in = await machine.ssh(key.private, "ada", "sudo -n id -un")
        assert signed_in.out.strip() == "root", signed_in


# The processor says that it is none of a virtual machine: then the firmware's tables count,
# which are VMware's.
VMWARE = "type=1,manufacturer=VMware,, Inc.,product=VMware7,,1"
NO_HYPERVISOR = ("-cpu", "max,-cx16,-hypervisor")
AGENT = "open-vm-tools.service"
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


@pytest.mark.takes(110)
async def test_vmware_guest_information_makes_the_machine_and_its_agent_starts(
    cache: Path, key: Key, tmp_path: Path
) -> None:
    """VMware's channel can't be emulated: its command-line program is stood in for.

    Programs may not use the port of that channel here, so the agent ends when it has started:
    that it is started by itself, where systemd finds VMware, is all that can be seen.
    """
    ordered = order(key, USER_DATA)
    metadata = {"instance-id": ordered.instance_id, "local-hostname": ordered.hostname}
    metadata["public-keys-data"] = ordered.public_key
    tool = RPCTOOL.format(metadata=_base64(json.dumps(metadata)), userdata=_base64(USER_DATA))
    tools = {"/usr/local/bin/vmware-rpctool": tool}
    raw = with_programs(edition_image("minimal", cache), tmp_path / "raw", tools)
    disk = overlay(raw, tmp_path / "disk", "6G", image_format="raw")
    async with waking(disk, tmp_path, smbios=[VMWARE], devices=NO_HYPERVISOR) as woken:
        machine = woken.machine
        await machine.settled()
        started = (
            f"systemctl show -P ConditionResult -P ExecMainStatus {AGENT}; systemd-detect-virt"
        )
        assert sorted((await machine.run(started)).split()) == ["1", "vmware", "yes"]
        await machine.run(f"systemctl reset-failed {AGENT}")
        await is_as_ordered(machine, "VMware", key)
        assert "guestinfo.local-ipv4" in await machine.run("cat /run/told-to-the-host")


@pytest.mark.takes(110)
async def test_agents_rest_elsewhere(cache: Path, key: Key, tmp_path: Path) -> None:
    """Google's image on a machine of nobody's: agents rest, and none of them has failed."""
    packed = edition_image("minimal", cache, "gce")
    with tarfile.open(packed) as archive:
        archive.extract("disk.raw", tmp_path)
    disk = overlay(tmp_path / "disk.raw", tmp_path / "disk", "6G", image_format="raw")
    async with waking(disk, tmp_path) as woken:
        assert await woken.machine.settled() == "running"
        units = f"{GOOGLE} google-startup-scripts open-vm-tools qemu-guest-agent"
        states = await woken.machine.run(f"systemctl is-active {units}; true")
        assert set(states.split()) == {"inactive"}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
