"""The minimal edition in one guest: what it is after its first boot, and who gets in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import WEB_PORT, Machine, Shape, booted, overlay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(240),
    pytest.mark.timeout(2400),
    pytest.mark.asyncio(loop_scope="module"),
]

GOOD = "Umbra-47-quartz-Lamp9"
USER_DATA = """\
#cloud-config
users:
  - default
  - name: mira
    gecos: Mira Okafor
    lock_passwd: true
"""
AGENT = "org.qemu.guest_agent.0"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("minimal")
    disk = overlay(edition_image("minimal", cache), folder / "disk", "6G")
    seed = nocloud(folder / "seed", order(key, USER_DATA))
    agent = f"socket,id=agent,path={folder / 'agent'},server=on,wait=off"
    port = f"virtserialport,chardev=agent,name={AGENT}"
    shape = Shape(memory_mib=1024, devices=["-chardev", agent, "-device", port])
    async with booted(disk, folder, shape, seed=seed) as machine:
        await machine.settled()
        yield machine


async def test_the_system_runs_and_nothing_has_failed(machine: Machine) -> None:
    health = await machine.health()
    assert health.state == "running"
    assert health.failed == ()
    assert health.errors == ()
    assert "tainted: 0" in await machine.run("echo tainted: $(cat /proc/sys/kernel/tainted)")
    assert await machine.run("swapon --show") == ""


async def test_the_first_boot_makes_an_identity(machine: Machine) -> None:
    assert len((await machine.run("cat /etc/machine-id")).strip()) == 32
    keys = (await machine.run("cd /etc/ssh; ls ssh_host_*_key; stat -c %a ssh_host_*_key")).split()
    assert keys == ["ssh_host_ed25519_key", "600"]
    assert (await machine.run("uname -n")).strip() == "mirror-8"


async def test_the_root_has_grown_into_the_disk(machine: Machine) -> None:
    size_kib = int((await machine.run("df --output=size / | tail -1")).strip())
    assert size_kib > 5 << 20
    assert (await machine.run("findmnt -no FSTYPE /")).strip() == "ext4"


async def test_only_keys_open_the_door(machine: Machine, key: Key) -> None:
    said = await machine.ssh(key.private, "helio", "sudo", "id", "-un")
    assert (said.code, said.out.strip()) == (0, "root")
    refused = await machine.ssh(Path("/dev/null"), "helio", "true")
    assert refused.code == 255
    assert "Permission denied (publickey)" in refused.err
    assert not (await machine.run("cut -d: -f2 /etc/shadow | grep '^\\$' || true")).strip()
    assert (await machine.run("passwd -S root")).split()[1] == "L"


async def test_the_firewall_drops_all_but_ssh(machine: Machine) -> None:
    await machine.run("mkdir -p /run/page; echo seen > /run/page/index.html")
    serve = "systemd-run -q --unit page -p Type=simple python3 -m http.server 80 -d /run/page"
    await machine.run(f"{serve}; until ss -Hltn | grep -q :80; do sleep 0.2; done")
    ask = ["curl", "-sS", "--max-time", "8", f"http://127.0.0.1:{WEB_PORT}/"]
    assert (await machine.outside(ask)).code != 0
    await machine.run("nft add element inet heliostat tcp_ports '{ 80 }'")
    assert (await machine.outside(ask)).out == "seen\n"
    await machine.run("systemctl stop page")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "shorter"),
        ("passwordpassword", "character"),
        ("Okafor-4711-okafor", "name"),
        ("mira-mira-4711-X", "user"),
        ("MaGnIfIcEnT-4", "dictionary"),
    ],
)
async def test_a_weak_password_is_refused_with_the_reason(
    machine: Machine, password: str, reason: str
) -> None:
    said = await machine.ask(f"printf '%s\\n%s\\n' '{password}' '{password}' | passwd mira")
    assert said.code != 0
    assert "BAD PASSWORD" in said.out + said.err
    assert reason in said.out + said.err


async def test_three_wrong_passwords_lock_an_account_and_root_unlocks_it(machine: Machine) -> None:
    await machine.run(
        f"printf '%s\\n%s\\n' '{GOOD}' '{GOOD}' | passwd mira; usermod -s /bin/sh mira"
    )
    enter = "echo '{}' | runuser -u nobody -- su mira -c 'id -un'"
    assert (await machine.run(enter.format(GOOD))).strip() == "mira"
    for _ in range(3):
        assert (await machine.ask(enter.format("wrong"))).code != 0
    assert (await machine.run("faillock --user mira")).count("V") >= 3
    assert (await machine.ask(enter.format(GOOD))).code != 0
    await machine.run("faillock --user mira --reset")
    assert (await machine.run(enter.format(GOOD))).strip() == "mira"


async def test_a_change_of_sudoers_is_on_record(machine: Machine) -> None:
    await machine.run("systemctl start auditd audit-rules")
    await machine.run("echo '# seen' > /etc/sudoers.d/60-mine; chmod 440 /etc/sudoers.d/60-mine")
    await machine.run(
        "auditctl -s; for i in 1 2 3 4 5 6 7 8 9 10; do"
        " ausearch -k sudoers_changes -i 2>/dev/null | grep -q 60-mine && break;"
        " sleep 0.5; done"
    )
    assert "60-mine" in await machine.run("ausearch -k sudoers_changes -i </dev/null")
    assert "sudoers_changes" in await machine.run("aureport -k -i --summary </dev/null")
    await machine.run("rm /etc/sudoers.d/60-mine")


async def test_files_are_made_for_their_owner_alone(machine: Machine, key: Key) -> None:
    said = await machine.ssh(key.private, "helio", "touch one; mkdir two; stat -c %a one two")
    assert said.out.split() == ["640", "750"]


async def test_the_guest_agent_answers_by_itself(machine: Machine) -> None:
    reply = await _ask_agent(machine.folder / "agent", {"execute": "guest-ping"})
    assert reply == {"return": {}}


async def test_units_of_other_platforms_rest(machine: Machine) -> None:
    states = await machine.run("systemctl is-active open-vm-tools.service docker.service || true")
    assert states.split() == ["inactive", "inactive"]


async def test_settings_of_the_kernel_are_in_force(machine: Machine) -> None:
    wanted = {
        "fs.protected_fifos": "2",
        "fs.protected_regular": "2",
        "kernel.panic_on_oops": "1",
        "kernel.pid_max": "4194304",
        "kernel.unprivileged_bpf_disabled": "1",
    }
    told = await machine.run(f"sysctl {' '.join(wanted)}")
    assert dict(each.split(" = ") for each in told.splitlines()) == wanted
    assert "virtio" in await machine.run("cat /sys/class/misc/hw_random/rng_current")


async def _ask_agent(socket: Path, request: object) -> object:
    async with asyncio.timeout(240):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            return json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
