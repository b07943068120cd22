"""The minimal edition as a member of a directory: what it needs comes by tdnf, people log in.

The controller runs on this host, in the guest's network; whoever logs in over SSH does so
from outside, at the console from inside.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.core.process import run
from heliostat.os.guest.insider import Said
from heliostat.os.tree import load_edition
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import LONG_S, SSH_PORT, Machine, Shape, booted, overlay
from heliostat.testing.package_set import package
from heliostat.testing.packages import signer_of_tests
from heliostat.testing.platform import TestPlatform, platform
from heliostat.testing.private_net import PrivateNet, private_net
from heliostat.testing.shelf import Shelf
from heliostat.testing.web import served
from heliostat.wire.groups import GroupCreateSpec
from heliostat.wire.users import UserCreateSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(420),
    pytest.mark.timeout(3600),
    pytest.mark.asyncio(loop_scope="module"),
]

HOST = "10.0.2.2"
"""This host, as guests call it."""
PASSWORD = "Umbra-47-quartz-Lamp9"
NEW_PASSWORD = "Tundra-58-velvet-Kite3"
PEOPLE = {"ada": "Developers", "op": "Operators", "eve": ""}
JOIN = "helio identity join {} --allow Developers --administrators Operators --ssh-passwords"
KNOWN = "for _ in $(seq 100); do getent passwd ada && exit; sleep 0.3; done; exit 1"
LEFT = """
rpm -V --nomtime heliostat-pam
rpm -V --nomtime heliostat-filesystem | grep nsswitch
cd /etc; ls -d sssd/sssd.conf sudoers.d/60-* ssh/sshd_config.d/6* heliostat/m* 2>/dev/null
systemctl is-enabled sssd heliostat-membership.timer 2>/dev/null | grep enabled
true
"""
BOOTED = {
    *("files-leftovers", "files-machine-id", "files-unowned", "files-world-writable"),
    "sudo-passwordless",
}
"""Rules about images that no machine keeps once cloud-init has been there."""


@pytest.fixture(scope="module")
def net() -> Iterator[PrivateNet]:
    with private_net([HOST]) as made:
        yield made


@pytest.fixture(scope="module")
def shelf(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    made = Shelf(tmp_path_factory.mktemp("shelf"), cache / "os", signer_of_tests("shelf"))
    made.import_named(*load_edition("minimal").offers)
    made.put(package("lamp"))
    return made


@pytest.fixture(scope="module")
def site(net: PrivateNet, key: Key) -> Iterator[TestPlatform]:
    with platform() as made:
        made.launcher = net.launcher()
        made.environ |= {
            "HELIO__API__NAMES": f"{HOST},127.0.0.1,localhost",
            "HELIO__API__HOST": "0.0.0.0",
            "HELIO__AGENTS__HOST": "0.0.0.0",
            "HELIO__LDAP__TLS_PORT": "636",
        }
        made.up()
        with made.client() as client:
            for group in sorted(filter(None, PEOPLE.values())):
                client.groups.create(GroupCreateSpec(name=group)).submit()
            for name, group in PEOPLE.items():
                client.users.create(UserCreateSpec(name=name, password=PASSWORD)).submit()
                if group:
                    client.groups.add_member(group, name).submit()
        public = str(key.private.with_suffix(".pub"))
        for name in ("ada", "eve"):
            told = made.helio("user", "update", name, "--ssh-key", public)
            assert told.exit_code == 0, told
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, net: PrivateNet, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("member")
    disk = overlay(edition_image("minimal", cache), folder / "disk", "6G")
    with served(shelf.folder, net) as server:
        wanted = {"bootcmd": [shelf.settings(server.server_port)]}
        asked = order(key, f"#cloud-config\n{json.dumps(wanted)}\n")
        seed = nocloud(folder / "seed", asked)
        async with booted(disk, folder, Shape(memory_mib=1280), seed=seed, net=net) as machine:
            await machine.settled()
            yield machine


async def by_password(machine: Machine, user: str, password: str, command: str) -> Said:
    """Log in over SSH with a password alone, from outside."""
    teller = machine.folder / "teller"
    teller.write_text(f"#!/bin/sh\necho '{password}'\n")
    teller.chmod(0o755)
    argv = ["env", f"SSH_ASKPASS={teller}", "SSH_ASKPASS_REQUIRE=force", "ssh"]
    argv += ["-oPreferredAuthentications=password", "-oNumberOfPasswordPrompts=1"]
    argv += ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]
    argv += ["-oConnectTimeout=90", "-p", str(SSH_PORT), f"{user}@127.0.0.1", command]
    return await machine.outside(argv, timeout_s=240)


async def test_the_package_comes_alone_and_keeps_certificates(machine: Machine) -> None:
    await machine.run("tdnf -y --refresh install heliostat-identity", timeout_s=LONG_S)
    assert (await machine.ask("rpm -q sssd-common heliostat")).code != 0
    said = await machine.ask("helio identity membership")
    assert (said.code, "Code:  StateError" in said.err) == (1, True)
    await machine.run(
        "cd /run; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        " -subj /CN=web -days 9 -keyout key.pem -out own.pem 2>/dev/null;"
        "helio cert store create web; helio cert entry create web site own.pem --key key.pem;"
        "helio cert store grant web nobody"
    )
    key = "/var/lib/heliostat/certificates/web/site/key.pem"
    assert "PRIVATE KEY" in await machine.run(f"runuser -u nobody -- cat {key}")
    await machine.run("helio cert store revoke web nobody")
    assert (await machine.ask(f"runuser -u nobody -- cat {key}")).code != 0


async def test_it_joins_with_a_token(machine: Machine, site: TestPlatform) -> None:
    invited = site.helio("identity", "computer", "join-token", "web-1")
    assert invited.exit_code == 0, invited
    token = invited.stdout.split()[-1]
    planned = await machine.run(f"{JOIN.format(token)} --plan")
    assert "tdnf -y install sssd-ldap libnss-sss libpam-sss" in planned
    assert "write /etc/pam.d/common-auth" in planned
    refused = await machine.ask(JOIN.format(f"{token[:-4]}aaaa"))
    assert (refused.code, "Code:  InvalidToken" in refused.err) == (1, True), refused
    await machine.run(JOIN.format(token), timeout_s=LONG_S)
    assert "state          joined" in await machine.run("helio identity membership")
    await machine.run(KNOWN)
    assert "Developers" in await machine.run("id ada")
    others = await machine.ask("runuser -u nobody -- helio identity membership")
    assert "Code:  AccessForbidden" in others.err
    assert (await machine.run("systemctl is-enabled sssd")).strip() == "enabled"
    subject = await machine.run("helio cert entry list machine")
    assert "web-1.heliostat.local" in subject


async def test_people_log_in_with_their_keys(machine: Machine, key: Key) -> None:
    said = await machine.ssh(key.private, "ada", "id -un; pwd; stat -c %a .; umask")
    assert (said.code, said.out.split()) == (0, ["ada", "/home/ada", "700", "0027"]), said
    refused = await machine.ssh(key.private, "eve", "true")
    assert refused.code == 255, refused


@pytest.mark.parametrize(
    ("user", "password", "enters"),
    [
        ("ada", PASSWORD, True),
        ("ada", "wrong", False),
        ("eve", PASSWORD, False),
        ("helio", PASSWORD, False),
    ],
)
async def test_passwords_open_the_door_to_those_who_may(
    machine: Machine, user: str, password: str, *, enters: bool
) -> None:
    said = await by_password(machine, user, password, "id -un")
    assert (said.code, said.out.strip()) == ((0, user) if enters else (255, "")), said


async def test_the_console_asks_the_directory_too(machine: Machine) -> None:
    enter = "echo '{}' | runuser -u nobody -- su {} -c 'id -un'"
    assert (await machine.run(enter.format(PASSWORD, "op"))).strip() == "op"
    assert (await machine.ask(enter.format("wrong", "op"))).code != 0
    assert (await machine.ask(enter.format(PASSWORD, "eve"))).code != 0


async def test_administrators_become_root_and_others_do_not(machine: Machine) -> None:
    asks = f"echo '{PASSWORD}' | sudo -S -p '' id -un"
    said = await by_password(machine, "op", PASSWORD, asks)
    assert (said.code, said.out.strip()) == (0, "root"), said
    said = await by_password(machine, "ada", PASSWORD, asks)
    assert said.code != 0
    assert "root" not in said.out


async def test_whoever_changes_a_password_changes_it_everywhere(
    machine: Machine, site: TestPlatform
) -> None:
    lines = rf"printf '%s\n' '{PASSWORD}' '{NEW_PASSWORD}' '{NEW_PASSWORD}'"
    said = await by_password(machine, "ada", PASSWORD, f"{lines} | passwd")
    assert said.code == 0, said
    assert (await by_password(machine, "ada", NEW_PASSWORD, "true")).code == 0


async def test_the_timer_asks_the_controller(machine: Machine, site: TestPlatform) -> None:
    await machine.run("systemctl start heliostat-membership.service", timeout_s=LONG_S)
    assert "active" in await machine.run("systemctl is-active heliostat-membership.timer")
    with site.client() as client:
        (seen,) = client.computers.list("heliostat.local")
    assert (seen.name, seen.operating_system.startswith("Heliostat OS")) == ("web-1", True)


async def test_a_member_is_as_hard_as_before(
    machine: Machine, site: TestPlatform, tmp_path: Path
) -> None:
    """Frozen for a moment, its file system is whole, and can be looked at from outside."""
    flat = tmp_path / "member.qcow2"
    await machine.run("sync; fsfreeze -f /")
    try:
        argv = ["qemu-img", "convert", "-U", "-O", "qcow2", str(machine.folder / "disk"), str(flat)]
        run(argv, timeout_s=300)
    finally:
        await machine.run("fsfreeze -u /")
    told = site.helio("os", "audit", str(flat), "--fail-on", "never", "-o", "json")
    assert told.exit_code == 0, told
    rules = json.loads(told.stdout)["rules"]
    failed = {each["rule"]: each["evidence"] for each in rules if each["outcome"] == "fail"}
    # passwords over SSH were asked for; who owns homes is known to the directory alone
    assert set(failed) - BOOTED == {"ssh-passwords", "files-owners"}
    assert {each["path"].split("/")[1] for each in failed["files-owners"]} == {"home"}
    unowned = " ".join(each["path"] for each in failed["files-unowned"])
    assert not [word for word in ("sssd", "directory", "heliostat") if word in unowned]
    health = await machine.health()
    assert (health.state, health.failed) == ("running", ())


async def test_leaving_takes_it_back(machine: Machine, key: Key) -> None:
    await machine.run("helio identity leave --yes", timeout_s=LONG_S)
    assert (await machine.ask("getent passwd ada")).code != 0
    assert (await machine.run(LEFT)) == ""
    assert (await machine.ssh(key.private, "ada", "true")).code == 255
    assert (await machine.ssh(key.private, "helio", "sudo id -un")).out.strip() == "root"
    health = await machine.health()
    assert (health.state, health.failed) == ("running", ())


async def test_programs_for_other_directories_are_offered_too(machine: Machine) -> None:
    named = "sssd-krb5 sssd-ad adcli krb5-user"
    await machine.run(f"tdnf -y install {named}", timeout_s=LONG_S)
    said = await machine.ask("kinit -k nobody; adcli info nowhere.invalid; true")
    assert "kinit: " in said.err
    assert "adcli: " in said.err
    assert (await machine.run("rpm -V sssd-common sssd-krb5-common sssd-ad adcli")) == ""
