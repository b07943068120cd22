"""The small parts: command line, seed, serial log, rates, wishes on disk, first program."""

from __future__ import annotations

import errno
import json
import shutil
import struct
from pathlib import Path

import pycdlib
import pytest
from msgspec.structs import replace

from heliostat.agent import desired, serial_log
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import SLOTS, Disc, GuestSpec, Plugged, Usage
from heliostat.agent.hypervisors.qemu.command_line import command_line, node_name
from heliostat.agent.hypervisors.qemu.driver import QemuHypervisor
from heliostat.agent.hypervisors.qemu.first_program import MARKER, initramfs, program
from heliostat.agent.hypervisors.qemu.probe import (
    Kernel,
    boots,
    choose_accelerator,
    host_kernel,
)
from heliostat.agent.seed import SEED, seed_files, write_seed
from heliostat.agent.settings import AgentSettings
from heliostat.agent.stats import _Reading, vm_sample
from heliostat.agentlink.messages import (
    DesiredDisk,
    DesiredNic,
    DesiredVm,
    Power,
    Snapshot,
    Unwanted,
    Wanted,
    disk_key,
    vm_key,
)
from heliostat.core.errors import HeliostatError
from heliostat.testing.guests import tiny_guest

SPEC = GuestSpec(
    id="6c0c3d9e-6a0e-4f0e-9f52-0d5a4a8f0a11",
    name="a,b",
    cpu_count=2,
    memory_mib=512,
    boot_disk="boot.qcow2",
    seed="seed.iso",
    plugged=(Plugged(id="d" * 36, path="/x,y/d.qcow2", slot=3),),
    macs=("02:aa:00:00:00:01",),
)
VM = DesiredVm(
    id="v1",
    name="web-1",
    power=Power.ON,
    cpu_count=1,
    memory_mib=64,
    disks=(),
    nics=(DesiredNic(mac="02:AA:00:00:00:01"),),
    ssh_keys=("ssh-ed25519 AAAA me",),
    environment={"role": 'we"b'},
)


def values(argv: list[str], option: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


def test_the_command_line_holds_what_a_guest_needs() -> None:
    argv = command_line(SPEC, "tcg", restore=False)
    devices = values(argv, "-device")
    assert values(argv, "-name") == ["guest=a,,b"]
    ports = sum(each.startswith("pcie-root-port") for each in devices)
    assert ports == SLOTS + 1, "for disks, and for a CD drive when it is needed"
    assert not [each for each in devices if each.startswith("scsi-cd")]
    disc = Disc(digest="ab" * 32, path="/discs/x.iso")
    full = values(command_line(replace(SPEC, disc=disc), "tcg", restore=False), "-device")
    empty = values(command_line(replace(SPEC, cd_drive=True), "tcg", restore=False), "-device")
    assert [each.split(",")[0] for each in full[-2:]] == ["virtio-scsi-pci", "scsi-cd"]
    assert full[-1] == f"{empty[-1]},drive=disc-{'ab' * 12}"
    assert "virtio-blk-pci,id=boot0,drive=boot,serial=boot,bootindex=0" in devices
    assert "virtio-blk-pci,id=seed0,drive=seed,serial=seed" in devices
    assert not [each for each in devices if each.startswith("nvme")]  # would forbid suspending
    other = values(command_line(replace(SPEC, boot_bus="nvme"), "tcg", restore=False), "-device")
    assert [each for each in other if each.startswith("nvme")] == [
        "nvme,id=boot0,drive=boot,serial=boot,bootindex=0",
        "nvme,id=seed0,drive=seed,serial=seed",
    ]
    assert any(f"serial={'d' * 20}" in each and "bus=slot3" in each for each in devices)
    nodes = [json.loads(each) for each in values(argv, "-blockdev")]
    assert nodes[-1]["file"]["filename"] == "/x,y/d.qcow2"
    assert "-incoming" not in argv
    assert values(command_line(SPEC, "tcg", restore=True), "-incoming") == ["fd:9"]
    assert values(command_line(SPEC, "kvm", restore=False), "-cpu") == ["host"]


def test_block_nodes_of_different_disks_have_different_names() -> None:
    one, other = node_name("a" * 35 + "1"), node_name("a" * 35 + "2")
    assert len(one) <= 31
    uuids = ("6c0c3d9e-6a0e-4f0e-9f52-0d5a4a8f0a11", "6c0c3d9e-6a0e-4f0e-9f52-0d5a4a8f0a12")
    assert node_name(uuids[0]) != node_name(uuids[1])
    assert one != other


def test_the_seed_carries_keys_name_and_network() -> None:
    files = seed_files(VM)
    meta = json.loads(files["meta-data"])
    assert meta["local-hostname"] == "web-1"
    assert meta["environment"] == {"role": 'we"b'}
    assert files["user-data"].startswith(b"#cloud-config\n")
    assert b"ssh-ed25519 AAAA me" in files["user-data"]
    network = json.loads(files["network-config"])
    assert network["ethernets"]["nic0"]["match"] == {"macaddress": "02:aa:00:00:00:01"}


def test_user_data_passes_verbatim() -> None:
    from msgspec.structs import replace

    assert seed_files(replace(VM, user_data="#!/bin/sh\n"))["user-data"] == b"#!/bin/sh\n"


def test_the_seed_is_an_iso_named_cidata(tmp_path: Path) -> None:
    path = tmp_path / SEED
    write_seed(VM, path)
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    try:
        names = {child.file_identifier() for child in iso.list_children(joliet_path="/")}
        label = iso.pvd.volume_identifier.decode().strip()
    finally:
        iso.close()
    assert label == "cidata"
    assert {name.decode("utf-16_be") for name in names} - {".", ".."} == {
        "meta-data",
        "user-data",
        "network-config",
    }


def test_serial_logs_rotate_in_place_and_are_read_across(tmp_path: Path) -> None:
    log = tmp_path / serial_log.SERIAL_LOG
    with log.open("ab") as writer:  # as QEMU holds it
        for text in (b"first|", b"second|", b"third|", b"fourth|"):
            writer.write(text)
            writer.flush()
            assert serial_log.rotate(tmp_path, max_bytes=4, keep=2)
        writer.write(b"now")
        writer.flush()
    assert log.read_bytes() == b"now"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "serial.log",
        "serial.log.1",
        "serial.log.2",
    ]
    assert serial_log.tail(tmp_path, 7) == "rth|now"
    assert serial_log.tail(tmp_path / "absent", 7) == ""
    assert not serial_log.rotate(tmp_path, max_bytes=4, keep=2)


def test_rates_come_from_two_readings() -> None:
    before = _Reading(10.0, Usage(1.0, 1 << 20, 1000, 0), 0, 0)
    now = _Reading(20.0, Usage(6.0, 2 << 20, 500, 4000), 100, 50)
    sample = vm_sample(7, before, now)
    assert (sample.cpu_percent, sample.memory_rss_mib) == (50.0, 2.0)
    assert (sample.disk_read_bytes_per_s, sample.disk_write_bytes_per_s) == (0.0, 400.0)
    assert (sample.net_rx_bytes_per_s, sample.net_tx_bytes_per_s) == (10.0, 5.0)


def disk(revision: int, size: int = 1) -> DesiredDisk:
    return DesiredDisk(id="d", revision=revision, capacity_bytes=size)


def test_wishes_are_fenced_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "desired.json"
    wishes = DesiredState(path)
    assert not wishes.known
    assert wishes.apply(Snapshot(items=(disk(5),), revision=7)) == {disk_key("d")}
    assert wishes.apply(Wanted(item=disk(4, size=9))) == set()
    assert wishes.apply(Unwanted(key=disk_key("d"), revision=4)) == set()
    assert wishes.apply(Snapshot(items=(), revision=6)) == set()  # an older store: removes nothing
    again = DesiredState(path)
    assert again.known
    assert again.disk("d") == disk(5)
    assert again.apply(Unwanted(key=disk_key("d"), revision=8)) == {disk_key("d")}
    assert again.apply(Wanted(item=disk(7))) == set()
    assert DesiredState(path).removed == {disk_key("d"): 8}
    assert again.apply(Wanted(item=disk(9))) == {disk_key("d")}
    assert again.removed == {}


def test_a_wish_that_can_not_be_kept_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    wishes = DesiredState(tmp_path / "desired.json")
    wishes.apply(Snapshot(revision=3, items=(disk(3),)))
    snapshot = Snapshot(revision=7, items=(VM,))
    with monkeypatch.context() as broken:
        broken.setattr(desired, "atomic_write", full)
        with pytest.raises(OSError, match="No space"):
            wishes.apply(snapshot)
    assert (wishes.disks(), wishes.vms(), wishes.removed) == ([disk(3)], [], {})
    assert wishes.apply(snapshot) == {vm_key("v1"), disk_key("d")}, "still news to who acts on it"


def test_the_first_program_is_a_sound_elf() -> None:
    elf = program()
    assert elf[:4] == b"\x7fELF"
    entry, headers = struct.unpack_from("<QQ", elf, 24)
    assert (entry - 0x400000, headers) == (120, 64)
    assert MARKER.encode() in elf
    assert initramfs().startswith(b"070701")
    assert b"TRAILER!!!" in initramfs()


async def test_a_set_accelerator_is_not_probed(tmp_path: Path) -> None:
    verdict = await choose_accelerator(tmp_path, AgentSettings(accelerator="kvm"))
    assert verdict.accelerator == "kvm"


def test_the_running_kernel_is_preferred(tmp_path: Path) -> None:
    assert host_kernel(tmp_path) is None
    (tmp_path / "vmlinuz-9").touch()
    assert host_kernel(tmp_path) == tmp_path / "vmlinuz-9"


async def test_without_qemu_the_agent_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("qemu-system-x86_64") is None
    with pytest.raises(HeliostatError) as missing:
        await QemuHypervisor(tmp_path, AgentSettings()).open()
    assert missing.value.code == "QemuMissing"
    assert "apt-get install" in missing.value.hint


@pytest.mark.qemu
async def test_a_kernel_reaches_the_first_program(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(initramfs())
    assert await boots(Kernel(tiny_guest().kernel, initrd, MARKER), "tcg", timeout_s=60)


@pytest.mark.qemu
@pytest.mark.slow
async def test_the_probe_remembers_its_verdict(tmp_path: Path) -> None:
    tiny = tiny_guest()
    settings = AgentSettings(probe_kernel=tiny.kernel, probe_initrd=tiny.initrd)
    verdict = await choose_accelerator(tmp_path, settings)
    assert verdict.reason
    assert await choose_accelerator(tmp_path, settings) == verdict
