"""The full edition in a guest: etcd and auditing, one image under three engines, the tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.os.guest.box import busybox_archive
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import LONG_S, Machine, Shape, booted, overlay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(600),
    pytest.mark.timeout(2400),
    pytest.mark.asyncio(loop_scope="module"),
]

NAME = "example.invalid/box:1"
ARCHIVE = "/dev/disk/by-id/virtio-archive"
BOX = "/var/tmp/box.tar"

TLS = """\
set -e
cd /var/lib/etcd
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=etcd \\
    -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out etcd.pem 2>/dev/null
chown etcd:etcd key.pem etcd.pem
for name in LISTEN ADVERTISE; do echo ETCD_${name}_CLIENT_URLS=https://127.0.0.1:2379; done \\
    > /etc/default/etcd
echo ETCD_CERT_FILE=/var/lib/etcd/etcd.pem >> /etc/default/etcd
echo ETCD_KEY_FILE=/var/lib/etcd/key.pem >> /etc/default/etcd
systemctl restart etcd
"""
ASK_TLS = "etcdctl --endpoints https://127.0.0.1:2379 --cacert /var/lib/etcd/etcd.pem"
TRACKED = {
    "bash": {
        "CVE-2026-0001": {
            "description": "Made up for a test",
            "releases": {
                "trixie": {"status": "open", "urgency": "high", "repositories": {"trixie": "5"}}
            },
        }
    }
}


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
    states = await machine.run("systemctl is-active etcd auditd")
    assert states.split() == ["active"] * 2
    enabled = await machine.run("systemctl is-enabled etcd auditd audit-rules")
    assert enabled.split() == ["enabled"] * 3
    assert "sudoers_changes" in await machine.run("auditctl -l")
    await machine.run("etcdctl put seen yes")
    assert "yes" in await machine.run("etcdctl get seen --print-value-only")


async def test_etcd_speaks_tls_once_it_has_a_certificate(machine: Machine) -> None:
    await machine.run(TLS, timeout_s=LONG_S)
    assert (await machine.run(f"{ASK_TLS} put seen safely", timeout_s=90)).strip() == "OK"
    assert "safely" in await machine.run(f"{ASK_TLS} get seen --print-value-only")
    plain = "etcdctl --dial-timeout 5s --command-timeout 5s --endpoints http://127.0.0.1:2379"
    assert (await machine.ask(f"{plain} get seen")).code != 0


async def test_a_change_of_sudoers_shows_in_the_report(machine: Machine) -> None:
    await machine.run("echo '# seen' > /etc/sudoers.d/60-mine; rm /etc/sudoers.d/60-mine")
    found = "ausearch -k sudoers_changes -i </dev/null 2>/dev/null | grep -q 60-mine"
    await machine.run(f"for i in $(seq 40); do {found} && exit 0; sleep 0.5; done; exit 1")
    assert "sudoers_changes" in await machine.run("aureport -k -i --summary </dev/null")


@pytest.mark.parametrize(
    ("engine", "load", "once"),
    [
        ("docker", "docker load -i", "docker run --rm --network none"),
        ("containerd", "systemctl start containerd; ctr images import", "ctr run --rm"),
        ("podman", "podman load -i", "podman run --rm --network none"),
    ],
)
async def test_one_archive_runs_under_every_engine(
    machine: Machine, engine: str, load: str, once: str
) -> None:
    await machine.run(f"cat {ARCHIVE} > {BOX}; chmod 644 {BOX}; {load} {BOX}", timeout_s=LONG_S)
    named = f"{NAME} box" if engine == "containerd" else NAME
    said = await machine.run(f"{once} {named} sh -c 'echo under {engine}'", timeout_s=LONG_S)
    assert said.strip() == f"under {engine}"


async def test_the_same_archive_runs_under_containerd(machine: Machine) -> None:
    """``ctr`` is containerd's own command line, the only one that Debian has."""
    await machine.run(f"cat {ARCHIVE} > /var/tmp/box.tar; systemctl start containerd")
    await machine.run("ctr -n tests images import /var/tmp/box.tar", timeout_s=LONG_S)
    said = await machine.run(
        f"ctr -n tests run --rm {NAME} once sh -c 'echo under containerd'", timeout_s=LONG_S
    )
    assert said.strip() == "under containerd"


async def test_a_person_runs_containers_without_rights(machine: Machine) -> None:
    """Sub-ids come from /etc/subuid, the namespace from the policy of the kernel."""
    ranges = await machine.run("grep -h '^helio:' /etc/subuid /etc/subgid")
    assert ranges.split() == ["helio:100000:65536"] * 2
    await machine.run(f"loginctl enable-linger helio; cat {ARCHIVE} > {BOX}; chmod 644 {BOX}")
    own = "runuser -u helio -- env HOME=/home/helio XDG_RUNTIME_DIR=/run/user/$(id -u helio)"
    await machine.run(f"cd /home/helio; {own} podman load -i {BOX}", timeout_s=LONG_S)
    once = f"{own} podman run --rm --network none {NAME} sh -c"
    inside = "'id -u; cat /proc/self/uid_map'"
    said = await machine.run(f"cd /home/helio; {once} {inside}", timeout_s=LONG_S)
    assert said.split()[0] == "0"
    assert "100000" in said


async def test_tools_are_there(machine: Machine) -> None:
    source = '#include <stdio.h>\nint main(void) { puts("built here"); return 0; }\n'
    await machine.run(f"cat > /tmp/a.c <<'END'\n{source}END")
    assert await machine.run("make -s -C /tmp a && /tmp/a", timeout_s=LONG_S) == "built here\n"
    who = "git -c user.name=Mira -c user.email=mira@example.invalid"
    await machine.run(f"git init -q /tmp/r && cd /tmp/r && {who} commit -q --allow-empty -m One")
    await machine.run("kubectl version --client=true && vim --version && nano --version")


async def test_the_scanner_finds_what_a_feed_says_of_an_installed_package(
    machine: Machine,
) -> None:
    await machine.run(f"cat > /tmp/tracker.json <<'END'\n{json.dumps(TRACKED)}\nEND")
    await machine.run("helio os cve import /tmp/tracker.json", timeout_s=LONG_S)
    found = await machine.ask("helio -o json os cve scan /", timeout_s=LONG_S)
    assert "CVE-2026-0001" in found.out, found
    assert "bash" in found.out
    whose = await machine.run("helio os why /usr/bin/bash", timeout_s=LONG_S)
    assert "bash-5" in whose
