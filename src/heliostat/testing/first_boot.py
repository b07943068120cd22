"""First boots in clouds: a machine wakes up in one, and must become what was ordered there.

``USER_DATA`` uses every module of cloud-init that a source can carry; ``is_as_ordered`` looks
for what each should have done, from inside and by signing in from outside.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.testing.clouds.contract import Cloud
from heliostat.testing.clouds.service import Site, serving
from heliostat.testing.editions import Key
from heliostat.testing.machines import Machine, Shape, booted

USER = "helio"
HOSTNAME = "mirror-8"
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
_FAILED = """\
systemctl --failed --plain --no-legend | while read -r unit _; do
    systemctl status --no-pager --full "$unit"
done
"""
_COMPLAINTS = "grep -hE 'WARNING|ERROR|CRITICAL' /var/log/cloud-init.log | tail -40; true"
_OWN = "cat /etc/machine-id; find /etc/ssh -name 'ssh_host_*_key' -newer /usr/lib/os-release"


@dataclass(frozen=True, slots=True)
class Waking:
    """A machine that woke up, and the cloud it is in, if that has a network."""

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
    """Boot ``disk`` in ``cloud``, or beside a ``seed``; ``folder`` is new to each boot."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serving(cloud)) if cloud else None
        told = [*smbios, *(cloud.smbios if cloud else ())]
        domain = cloud.domain if cloud else ""
        shape = Shape(memory_mib=1024, smbios=told, devices=devices, domain=domain)
        net = site.net if site else None
        machine = await stack.enter_async_context(booted(disk, folder, shape, seed=seed, net=net))
        yield Waking(machine, site)


def cd(path: Path) -> list[str]:
    """A CD drive with this disc."""
    drive = f"file={path},format=raw,media=cdrom,if=none,id=cd,read-only=on"
    return ["-drive", drive, "-device", "ide-cd,drive=cd"]


async def is_as_ordered(machine: Machine, source: str, key: Key, user: str = USER) -> None:
    """Everything that user data asked for is there, and came from this source."""
    await is_up(machine, source)
    assert (await machine.run("uname -n")).strip() == HOSTNAME
    assert (await machine.run("id -u mira; id -Gn mira")).split()[0] == "4711"
    assert "adm" in await machine.run("id -Gn mira")
    assert "NOPASSWD" in await machine.run("sudo -l -U mira")
    assert await machine.run("cat /etc/motd.d/told; stat -c %a /etc/motd.d/told") == (
        "by the cloud\n640\n"
    )
    assert "Europe/Paris" in await machine.run("readlink /etc/localtime")
    assert await machine.run("cat /run/late; ls /run/early") == "root\n/run/early\n"
    signed_in = await machine.ssh(key.private, user, "sudo -n id -un; hostname")
    assert signed_in.out.split() == ["root", HOSTNAME], signed_in


async def is_up(machine: Machine, source: str) -> None:
    """Running with nothing failed; identity and keys are the machine's own."""
    state = await machine.settled()
    status = json.loads(await machine.run("cloud-init status --format json --wait; true"))
    complaints = await machine.run(_COMPLAINTS)
    assert status["status"] == "done", (state, status, complaints)
    assert status["errors"] == [], complaints
    assert status["datasource"].lower().removesuffix("local") == source.lower(), status
    assert state == "running", await machine.run(_FAILED)
    machine_id, *host_keys = (await machine.run(_OWN)).split()
    assert len(machine_id) == 32, machine_id
    assert host_keys == ["/etc/ssh/ssh_host_ed25519_key"]
