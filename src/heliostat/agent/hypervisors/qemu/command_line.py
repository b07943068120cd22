"""The command line of a guest.

Pure.  QEMU runs with the guest's folder as its working folder: relative paths
keep Unix sockets within their 108 bytes however deep the home lies, and let a
folder move.  The same ``GuestSpec`` gives the same devices at the same
addresses, which loading saved memory depends on.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from heliostat.agent.hypervisors.contract import SLOTS, Disc, GuestSpec, Plugged
from heliostat.core.emulation import accelerator_options

PROGRAM = "qemu-system-x86_64"
QMP_SOCKET = "qmp.sock"
SERIAL_SOCKET = "serial.sock"
SERIAL_LOG = "serial.log"
VNC_SOCKET = "vnc.sock"
PID_FILE = "qemu.pid"
CD_SLOT, CD_CONTROLLER, CD_DRIVE = "cd-slot", "cd", "cd-drive"
DISC_PREFIX = "disc-"
MEMORY_FD = 9
"""Where a starting QEMU finds the saved memory, already open."""


def command_line(spec: GuestSpec, accelerator: str, *, restore: bool) -> list[str]:
    """The argument list that runs ``spec``; with ``restore`` it waits for memory on an fd."""
    return [
        PROGRAM,
        *_machine(spec, accelerator),
        *_channels(),
        *_disk("boot", spec.boot_disk, spec.boot_bus, boot=True),
        *(_disk("seed", spec.seed, spec.boot_bus, read_only=True) if spec.seed else []),
        *_ephemeral(spec),
        *_nics(spec),
        *_slots(),
        *(argument for disk in spec.plugged for argument in _plugged(disk)),
        *_cd_drive(spec),
        *(["-incoming", f"fd:{MEMORY_FD}"] if restore else []),
    ]


def disk_node(disk: Plugged) -> dict[str, Any]:
    """The block node of a persistent disk, for ``-blockdev`` and ``blockdev-add``."""
    return _node(node_name(disk.id), disk.path, read_only=False)


def disk_device(disk: Plugged) -> dict[str, Any]:
    """The device of a persistent disk, for ``-device`` and ``device_add``.

    The guest finds it as ``/dev/disk/by-id/virtio-<first 20 characters of the id>``:
    virtio-blk carries no longer serial number.
    """
    return {
        "driver": "virtio-blk-pci",
        "id": device_name(disk.id),
        "bus": f"slot{disk.slot}",
        "drive": node_name(disk.id),
        "serial": disk.id[:20],
    }


def disc_node(disc: Disc) -> dict[str, Any]:
    """The block node of a disc image; one image has one name, whichever guest it is for."""
    return _node(disc_node_name(disc.digest), disc.path, read_only=True)


def disc_node_name(digest: str) -> str:
    return f"{DISC_PREFIX}{digest[:24]}"


def cd_devices(disc: Disc | None) -> list[dict[str, Any]]:
    """Controller and drive, for ``-device`` and ``device_add``, in this order.

    virtio-scsi and not AHCI: Debian's cloud kernels have no AHCI driver.  The boot
    disk comes first, so a disc is booted only from a disk that doesn't boot.
    """
    controller = {"driver": "virtio-scsi-pci", "id": CD_CONTROLLER, "bus": CD_SLOT}
    drive = {"driver": "scsi-cd", "id": CD_DRIVE, "bus": f"{CD_CONTROLLER}.0", "bootindex": 1}
    if disc is not None:
        drive["drive"] = disc_node_name(disc.digest)
    return [controller, drive]


def node_name(disk_id: str) -> str:
    """A block node's name; QEMU allows 31 characters, fewer than a UUID has."""
    return f"disk-{hashlib.sha256(disk_id.encode()).hexdigest()[:24]}"


def device_name(disk_id: str) -> str:
    return f"disk-{disk_id}"


def _machine(spec: GuestSpec, accelerator: str) -> list[str]:
    return [
        *("-nodefaults", "-no-user-config"),
        *("-name", f"guest={spec.name.replace(',', ',,')}", "-uuid", spec.id),
        *("-machine", "q35,vmport=off", *accelerator_options(accelerator)),
        *("-smp", str(spec.cpu_count), "-m", f"{spec.memory_mib}M"),
        # spawn=deny: the guest's memory is saved through a file descriptor, not a shell
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        # a panic ends QEMU with an exit code of its own: seen even if no agent was there
        *("-device", "pvpanic", "-action", "panic=exit-failure"),
        *("-display", "none", "-device", "VGA", "-vnc", f"unix:{VNC_SOCKET}"),
        *("-pidfile", PID_FILE, "-msg", "timestamp=on"),
    ]


def _channels() -> list[str]:
    serial = f"socket,id=serial0,path={SERIAL_SOCKET},server=on,wait=off"
    return [
        *("-chardev", f"{serial},logfile={SERIAL_LOG},logappend=on", "-serial", "chardev:serial0"),
        *("-chardev", f"socket,id=qmp0,path={QMP_SOCKET},server=on,wait=off"),
        *("-mon", "chardev=qmp0,mode=control"),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=rng0"),
    ]


def _disk(
    name: str, path: str, bus: str, *, boot: bool = False, read_only: bool = False
) -> list[str]:
    driver = "nvme" if bus == "nvme" else "virtio-blk-pci"
    device = {"driver": driver, "id": f"{name}0", "drive": name, "serial": name}
    if boot:
        device["bootindex"] = "0"
    return ["-blockdev", json.dumps(_node(name, path, read_only=read_only)), *_device(device)]


def _ephemeral(spec: GuestSpec) -> list[str]:
    arguments: list[str] = []
    for number, path in enumerate(spec.ephemeral_disks):
        arguments += _disk(f"ephemeral{number}", path, "virtio")
    return arguments


def _nics(spec: GuestSpec) -> list[str]:
    arguments: list[str] = []
    for number, mac in enumerate(spec.macs):
        # romfile= : no network boot, which would only delay a disk that doesn't boot
        device = f"virtio-net-pci,netdev=net{number},mac={mac},romfile="
        arguments += ["-netdev", f"user,id=net{number}", "-device", device]
    return arguments


def _slots() -> list[str]:
    arguments: list[str] = []
    for number in range(SLOTS):
        port = f"pcie-root-port,id=slot{number},chassis={number + 1},slot={number + 1}"
        arguments += ["-device", f"{port},bus=pcie.0"]
    return arguments


def _cd_drive(spec: GuestSpec) -> list[str]:
    """Always a slot for the drive, which is plugged when first needed.

    A controller that is always there costs each boot 0.3 s under emulation: firmware
    and kernel ask 256 targets for their names.
    """
    port = f"pcie-root-port,id={CD_SLOT},chassis={SLOTS + 1},slot={SLOTS + 1},bus=pcie.0"
    arguments = ["-device", port]
    if spec.disc is not None:
        arguments += ["-blockdev", json.dumps(disc_node(spec.disc))]
    if spec.cd_drive or spec.disc is not None:
        for device in cd_devices(spec.disc):
            arguments += _device(device)
    return arguments


def _plugged(disk: Plugged) -> list[str]:
    return ["-blockdev", json.dumps(disk_node(disk)), *_device(disk_device(disk))]


def _node(name: str, path: str, *, read_only: bool) -> dict[str, Any]:
    file = {"driver": "file", "filename": path}
    if read_only:
        return {"driver": "raw", "node-name": name, "read-only": True, "file": file}
    return {"driver": "qcow2", "node-name": name, "discard": "unmap", "file": file}


def _device(properties: dict[str, Any]) -> list[str]:
    driver = properties["driver"]
    rest = "".join(f",{key}={value}" for key, value in properties.items() if key != "driver")
    return ["-device", f"{driver}{rest}"]
