"""Containers on the minimal edition: from an archive without a network, and from a registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from heliostat.os.guest.box import busybox_archive
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import Machine, Shape, booted, overlay
from heliostat.testing.private_net import PrivateNet, private_net
from heliostat.testing.private_registry import private_registry

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(260),
    pytest.mark.timeout(2400),
    pytest.mark.asyncio(loop_scope="module"),
]

NAME = "example.invalid/box:1"
# Behind the disk's last sector there may be padding: the archive ends by itself
ARCHIVE = "/dev/disk/by-id/virtio-archive"
DOCKER_S = 400.0


@pytest.fixture(scope="module")
def net() -> Iterator[PrivateNet]:
    with private_net() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(
    cache: Path, key: Key, net: PrivateNet, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    folder = tmp_path_factory.mktemp("containers")
    disk = overlay(edition_image("minimal", cache), folder / "disk", "6G")
    archive = busybox_archive(folder / "box.tar", NAME)
    drive = f"file={archive},format=raw,if=none,id=archive,read-only=on"
    devices = ["-drive", drive, "-device", "virtio-blk-pci,drive=archive,serial=archive"]
    seed = nocloud(folder / "seed", order(key))
    shape = Shape(memory_mib=1280, devices=devices)
    async with booted(disk, folder, shape, seed=seed, net=net) as machine:
        await machine.settled()
        yield machine


async def test_docker_rests_until_somebody_talks_to_it(machine: Machine) -> None:
    states = await machine.run("systemctl is-active docker.socket docker.service || true")
    assert states.split() == ["active", "inactive"]
    version = await machine.run("docker version -f '{{.Server.Version}}'", timeout_s=DOCKER_S)
    assert version.strip()
    assert (await machine.run("systemctl is-active docker.service")).strip() == "active"


async def test_a_container_starts_from_an_archive_without_a_network(machine: Machine) -> None:
    loaded = await machine.run(f"docker load < {ARCHIVE}", timeout_s=DOCKER_S)
    assert NAME in loaded
    said = await machine.run(
        f"docker run --rm --network none {NAME} sh -c 'echo from inside; ls /sys/class/net'",
        timeout_s=DOCKER_S,
    )
    assert said.split() == ["from", "inside", "lo"]


async def test_what_a_volume_holds_outlives_the_container(machine: Machine) -> None:
    once = f"docker run --rm --network none -v kept:/data {NAME} sh -c"
    await machine.run(f"{once} 'echo survives > /data/word'", timeout_s=DOCKER_S)
    assert (await machine.run("docker ps -aq")).strip() == ""
    said = await machine.run(f"{once} 'cat /data/word'", timeout_s=DOCKER_S)
    assert said.strip() == "survives"


async def test_a_container_is_confined(machine: Machine) -> None:
    inside = "cat /proc/self/status; cat /proc/self/attr/current 2>/dev/null; true"
    said = await machine.run(
        f"docker run --rm --network none {NAME} sh -c '{inside}'", timeout_s=DOCKER_S
    )
    assert "Seccomp:\t2" in said
    info = await machine.run("docker info -f '{{.CgroupVersion}} {{.CgroupDriver}} {{.Driver}}'")
    assert info.strip() == "2 systemd overlay2"


async def test_containers_reach_the_outside_and_each_other_but_nobody_them(
    machine: Machine, net: PrivateNet
) -> None:
    """The firewall drops what comes in and leaves to containers what is theirs."""
    await machine.run(
        f"docker run -d --rm --name page {NAME} sh -c 'while :; do sleep 60; done'",
        timeout_s=DOCKER_S,
    )
    gateway = await machine.run("docker exec page ping -c 1 -W 5 10.0.2.2")
    assert "1 packets received" in gateway
    await machine.run("docker kill page")


async def test_login_pull_and_run_from_a_private_registry_with_tls(
    machine: Machine, net: PrivateNet, tmp_path: Path
) -> None:
    async with private_registry(net, tmp_path) as registry:
        image = f"{registry.address}/team/box:1"
        await machine.run(f"docker tag {NAME} {image}")
        untrusted = await machine.ask(f"docker push {image}", timeout_s=DOCKER_S)
        assert untrusted.code != 0
        assert "certificate signed by unknown authority" in untrusted.err
        place = f"/etc/docker/certs.d/{registry.address}"
        await machine.run(
            f"mkdir -p {place}; cat > {place}/ca.crt <<'END'\n{registry.authority}\nEND"
        )
        anonymous = await machine.ask(f"docker push {image}", timeout_s=DOCKER_S)
        assert "no basic auth credentials" in anonymous.err
        login = f"docker login -u {registry.user} --password-stdin {registry.address}"
        wrong = await machine.ask(f"echo wrong | {login}", timeout_s=DOCKER_S)
        assert wrong.code != 0
        assert "Login Succeeded" in await machine.run(
            f"echo {registry.password} | {login}", timeout_s=DOCKER_S
        )
        await machine.run(f"docker push {image} && docker rmi {image}", timeout_s=DOCKER_S)
        said = await machine.run(
            f"docker run --rm --network none {image} echo pulled", timeout_s=DOCKER_S
        )
        assert said.strip() == "pulled"
        await machine.run(f"docker logout {registry.address}; docker rmi {image}")


async def test_people_without_rights_have_namespaces_of_their_own(machine: Machine) -> None:
    said = await machine.run("runuser -u helio -- unshare --user --map-root-user --net id -u")
    assert said.strip() == "0"


async def test_the_system_is_well_after_all_of_it(machine: Machine) -> None:
    health = await machine.health()
    assert (health.state, health.failed) == ("running", ())
