"""Packages on the minimal edition by tdnf, over HTTP from signed repositories: servers that serve,
updates, cuts and ways back, and what cloud-init was asked for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.os.packages.rpm.package import Package, Script, ScriptKind
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import LONG_S, SSH_PORT, WEB_PORT, Machine, Shape, booted, overlay
from heliostat.testing.package_set import package
from heliostat.testing.packages import signer_of_tests
from heliostat.testing.private_net import PrivateNet, private_net
from heliostat.testing.shelf import Shelf, newer_own
from heliostat.testing.web import served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(600),
    pytest.mark.timeout(3600),
    pytest.mark.asyncio(loop_scope="module"),
]

SERVERS = ("postgresql", "nginx", "apache2")
ASKED = {"package_update": True, "package_upgrade": True, "packages": ["lamp", ["wick", "1-1"]]}
ALL = "rpm -qa --qf '%{nevra} %{installtime}\\n' | sort"
PIDS = "systemctl show -P MainPID postgresql@17-main apache2 nginx"
# the first of its scripts waits until it is killed; the next one finds that it was there
SLOW = "[ -e /run/slow ] || { touch /run/slow; sleep 3600; }"

UNKNOWN = "-oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oConnectTimeout=90"


@pytest.fixture(scope="module")
def net() -> Iterator[PrivateNet]:
    with private_net() as made:
        yield made


@pytest.fixture(scope="module")
def shelf(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    made = Shelf(tmp_path_factory.mktemp("shelf"), cache / "os", signer_of_tests("shelf"))
    made.import_named(*SERVERS)
    made.put(package("lamp"), package("wick"), into="base")
    made.put(newer_own("heliostat-userns"))
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, net: PrivateNet, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("installing")
    disk = overlay(edition_image("minimal", cache), folder / "disk", "6G")
    with served(shelf.folder, net) as server:
        wanted = ASKED | {"bootcmd": [shelf.settings(server.server_port)]}
        asked = order(key, f"#cloud-config\n{json.dumps(wanted)}\n")
        seed = nocloud(folder / "seed", asked)
        async with booted(disk, folder, Shape(memory_mib=1280), seed=seed, net=net) as machine:
            await machine.settled()
            yield machine


async def changed(machine: Machine, before: str) -> set[str]:
    """Names and versions of what was installed, updated or erased since ``before``."""
    after = await machine.run(ALL)
    return {line.split()[0] for line in set(before.splitlines()) ^ set(after.splitlines())}


async def tdnf(machine: Machine, *words: str) -> str:
    return await machine.run(f"tdnf -y --refresh {' '.join(words)}", timeout_s=LONG_S)


async def test_cloud_init_updates_upgrades_and_installs(machine: Machine) -> None:
    told = json.loads(await machine.run("cloud-init status --format json"))
    assert (told["status"], told["errors"], told["recoverable_errors"]) == ("done", [], {})
    there = await machine.run("rpm -q heliostat-userns lamp wick")
    assert there.split() == ["heliostat-userns-1.99-1.noarch", "lamp-1-1.noarch", "wick-1-1.noarch"]
    history = json.loads(await machine.run("tdnf -j history list"))
    assert [entry["AddedCount"] for entry in history[1:]] == [1, 2]


async def test_servers_are_installed_on_demand_and_each_serves(machine: Machine) -> None:
    await tdnf(machine, "install", *SERVERS)
    assert (await machine.run("systemctl is-active nginx apache2 postgresql || true")).split() == [
        "inactive"
    ] * 3
    await machine.run("systemctl enable -q --now postgresql", timeout_s=LONG_S)
    ask = "runuser -u postgres -- psql -Atc"
    assert (await machine.run(f"cd /; {ask} 'select 6 * 7'")).strip() == "42"
    await machine.run("systemctl enable -q --now nginx", timeout_s=LONG_S)
    await machine.run("sed -i 's/^Listen 80$/Listen 8080/' /etc/apache2/ports.conf")
    await machine.run("systemctl enable -q --now apache2", timeout_s=LONG_S)
    assert "Server: Apache" in await machine.run("curl -sSI http://127.0.0.1:8080/")
    await machine.run("nft add element inet heliostat tcp_ports '{ 80 }'")
    outside = await machine.outside(["curl", "-sSI", f"http://127.0.0.1:{WEB_PORT}/"])
    assert "Server: nginx" in outside.out


async def test_accounts_of_servers_own_their_files(machine: Machine) -> None:
    owners = await machine.run("stat -c '%U %G %a' /etc/postgresql /var/lib/postgresql")
    assert owners.splitlines() == ["postgres postgres 755"] * 2
    differ = await machine.run(
        "rpm -V postgresql-common postgresql-17 nginx-common apache2 || true"
    )
    assert [line.split()[-1] for line in differ.splitlines()] == ["/etc/apache2/ports.conf"]


async def test_an_update_of_one_leaves_the_others_alone(machine: Machine, shelf: Shelf) -> None:
    newer = shelf.rebuilt("nginx")
    shelf.put(newer)
    before, pids = await machine.run(ALL), await machine.run(PIDS)
    await tdnf(machine, "update", "nginx")
    after = await changed(machine, before)
    assert {name.partition("-")[0] for name in after} == {"nginx"}
    assert f"nginx-{newer.evr}.x86_64" in after
    assert await machine.run(PIDS) == pids
    await machine.run("systemctl restart nginx; curl -sS http://127.0.0.1/", timeout_s=LONG_S)


async def test_a_tampered_package_is_refused_and_nothing_changes(
    machine: Machine, shelf: Shelf
) -> None:
    shelf.put(package("ware"))
    shelf.tamper("ware")
    before = await machine.run(ALL)
    said = await machine.ask("tdnf -y --refresh install ware")
    assert said.code == 1528 % 256
    assert "Error(1528)" in said.err
    assert await changed(machine, before) == set()


async def test_a_strangers_package_is_refused(machine: Machine, shelf: Shelf) -> None:
    write(package("stranger"), shelf.folder, signer=signer_of_tests("a stranger"))
    address = "$(cat /etc/dnf/vars/heliostat_repos)/stranger-1-1.noarch.rpm"
    await machine.run(f"curl -sSf -o /var/tmp/stranger.rpm {address}")
    said = await machine.ask("tdnf -y install /var/tmp/stranger.rpm")
    assert said.code in (1474 % 256, 1514 % 256)
    assert (await machine.ask("rpm -q stranger")).code != 0


async def test_history_goes_back_and_forth(machine: Machine, shelf: Shelf) -> None:
    before = await machine.run(ALL)
    number = json.loads(await machine.run("tdnf -j history list"))[-1]["Id"]
    shelf.put(package("lamp", "2-1"), package("oil"))
    await tdnf(machine, "install", "lamp", "oil")
    await tdnf(machine, "erase", "wick")
    assert await _versions(machine, "lamp", "oil", "wick") == ["2", "1", "no"]
    await tdnf(machine, "history", "rollback", "--to", str(number))
    assert await _versions(machine, "lamp", "oil", "wick") == ["1", "no", "1"]
    assert {name.partition("-")[0] for name in await changed(machine, before)} <= {"lamp", "wick"}
    await tdnf(machine, "history", "undo", str(number + 2))
    assert await _versions(machine, "lamp", "oil", "wick") == ["1", "no", "1"]


async def test_a_transaction_that_was_cut_off_is_told_and_completed(
    machine: Machine, shelf: Shelf
) -> None:
    shelf.put(_with_script(package("slow"), SLOW), package("after", requires=["slow"]))
    await machine.run("systemd-run -q --unit cut tdnf -y --refresh install after")
    await machine.run("until [ -e /run/slow ]; do sleep 0.2; done", timeout_s=LONG_S)
    await machine.run("systemctl kill -s KILL cut; systemctl reset-failed cut || true")
    assert await _versions(machine, "slow", "after") == ["1", "no"]
    said = await machine.ask("tdnf list installed slow")
    assert "was cut off.  Done: slow-1-1.noarch.  Not done: after-1-1.noarch" in said.err
    await tdnf(machine, "history", "redo", "--last")
    assert await _versions(machine, "slow", "after") == ["1", "1"]
    assert await machine.run("rpm -V slow after; tdnf list installed slow 2>&1 >/dev/null") == ""


async def test_whoever_signs_in_is_told_of_advisories(
    machine: Machine, key: Key, shelf: Shelf
) -> None:
    shelf.put(package("lamp", "2-1"))
    shelf.advise("lamp")
    await tdnf(machine, "install", "tdnf-automatic")
    told = "systemctl start tdnf-cache-updateinfo; cat /run/motd.d/tdnf"
    assert "1 Security notice(s)" in await machine.run(told, timeout_s=LONG_S)
    # the message is for terminals only, and a terminal's end isn't the shell's
    argv = f"echo exit | ssh -tt -i {key.private} -p {SSH_PORT} {UNKNOWN} helio@127.0.0.1"
    said = await machine.outside(["bash", "-c", argv], timeout_s=LONG_S)
    assert "1 Security notice(s)" in said.out


async def test_an_erased_server_stops(machine: Machine) -> None:
    await tdnf(machine, "erase", "nginx", "nginx-common")
    states = await machine.run("systemctl is-active nginx apache2 || true")
    assert states.split() == ["inactive", "active"]


async def test_the_system_is_well_after_all_of_it(machine: Machine) -> None:
    health = await machine.health()
    assert (health.state, health.failed) == ("running", ())


def _with_script(made: Package, body: str) -> Package:
    return dataclasses.replace(made, scripts=(Script(ScriptKind.POST, body, "/bin/sh"),))


async def _versions(machine: Machine, *names: str) -> Sequence[str]:
    """Of installed packages; ``no`` of others."""
    each = "; ".join(f"rpm -q --qf '%{{version}}\\n' {name} || echo no" for name in names)
    return [line for line in (await machine.run(each)).splitlines() if " " not in line]
