"""QEMU's command line for looking at an image, and the process.

The machine has what clouds give: one disk, one network card (that leads nowhere), a source
of randomness, a serial line written to a file.  ``command`` is pure.  A guest is killed when
its context ends; the image is never written to, since it boots from a copy-on-write child.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.core.emulation import accelerator_options
from heliostat.core.errors import HeliostatError
from heliostat.core.process import ENDING_WITH_US, run
from heliostat.os.carrier.disk_format import Refused, format_of
from heliostat.os.image import programs

PROGRAM = "qemu-system-x86_64"
VARIABLES = "firmware-variables"
_OVMF = Path("/usr/share/OVMF")
_FORMATS = {
    ".img": "raw",
    ".qcow2": "qcow2",
    ".raw": "raw",
    ".vhd": "vpc",
    ".vhdx": "vhdx",
    ".vmdk": "vmdk",
}


class Accelerator(StrEnum):
    """Who runs the guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


class Firmware(StrEnum):
    """What starts the boot loader."""

    BIOS = "bios"
    UEFI = "uefi"


class Bus(StrEnum):
    """What the boot disk is attached to."""

    NVME = "nvme"
    VIRTIO = "virtio"

    @property
    def device(self) -> str:
        """QEMU's name of a disk on it."""
        return "nvme" if self is Bus.NVME else "virtio-blk-pci"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The virtual machine."""

    accelerator: Accelerator = Accelerator.TCG
    firmware: Firmware = Firmware.BIOS
    bus: Bus = Bus.VIRTIO
    memory_mib: int = 1024
    cpus: int = 2


class Started:
    """A running QEMU, its serial line and its working folder."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self.folder = folder

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def end(self) -> int:
        """How QEMU ends: 0 once the guest has switched itself off."""
        return await self._process.wait()

    def console(self) -> str:
        """What the guest has written to its serial line."""
        path = self.folder / "console"
        return path.read_text(errors="replace") if path.is_file() else ""

    def complaints(self) -> str:
        """What QEMU itself has said."""
        return (self.folder / "qemu").read_text(errors="replace").strip()


def command(hardware: Hardware, disk: Path, folder: Path) -> list[str]:
    """The argument list; relative paths in it are of ``folder``."""
    translated_mib = 256  # one guest at a time may have more of it
    return [
        *(PROGRAM, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-machine", "q35"),
        *accelerator_options(hardware.accelerator, translated_mib=translated_mib),
        *("-m", str(hardware.memory_mib), "-smp", str(hardware.cpus)),
        *("-serial", f"file:{folder / 'console'}"),
        *("-drive", f"file={disk},format=qcow2,if=none,id=boot"),
        *("-device", f"{hardware.bus.device},drive=boot,serial=boot,bootindex=0"),
        *("-nic", "user,model=virtio-net-pci,restrict=on"),
        *("-device", "virtio-rng-pci"),
        *_firmware(hardware.firmware, folder),
    ]


def read_only_disk(path: Path, serial: str) -> list[str]:
    """One more disk, at ``/dev/disk/by-id/virtio-<serial>`` in the guest."""
    drive = f"file={path},format=raw,if=none,id={serial},read-only=on"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]


def image_format(image: Path) -> str:
    """QEMU's name of it; ``NotASystem`` for a file that is no disk."""
    found = _FORMATS.get(image.suffix)
    if found is None:
        known = ", ".join(sorted(_FORMATS))
        raise HeliostatError(
            "NotASystem",
            f"{image} is not a disk that can be started.",
            hint=f"Give a file that ends in one of {known}; other formats hold the same disk.",
        )
    return found


def child_of(image: Path, out: Path, size_gib: int) -> Path:
    """A copy-on-write child of at least this size, as hosts make them.

    ``NotASystem`` for an image that leads to other files: its guest could read those.
    """
    kind = image_format(image)
    try:
        if kind != "raw":  # of which QEMU reads no header
            format_of(image)
    except Refused as error:
        raise HeliostatError("NotASystem", f"{image} can't be started: {error}.") from error
    argv = [programs.resolve("qemu-img"), "create", "-q", "-f", "qcow2", "-b", str(image.resolve())]
    run([*argv, "-F", kind, str(out)], timeout_s=60)
    size = max(size_gib << 30, _virtual_bytes(out))
    run([programs.resolve("qemu-img"), "resize", "-q", str(out), str(size)], timeout_s=60)
    return out


@asynccontextmanager
async def started(argv: Sequence[str], folder: Path) -> AsyncIterator[Started]:
    """Run QEMU; it is killed at the end if it still runs, and when we are."""
    with (folder / "qemu").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *ENDING_WITH_US, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield Started(process, folder)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def prepare(hardware: Hardware, folder: Path) -> None:
    """Files that the machine writes to; ``BuildFailed`` for a program that isn't there."""
    programs.require([PROGRAM, "qemu-img"], "Starting an image")
    if hardware.firmware is Firmware.UEFI:
        if not (_OVMF / "OVMF_VARS_4M.fd").is_file():
            raise HeliostatError(
                "BuildFailed",
                "Starting an image by UEFI needs its firmware, which is not installed.",
                hint="Install it: `apt-get install --no-install-recommends ovmf`.",
            )
        shutil.copyfile(_OVMF / "OVMF_VARS_4M.fd", folder / VARIABLES)


class _Info(msgspec.Struct, rename="kebab"):
    """Of ``qemu-img info``."""

    virtual_size: int


def _virtual_bytes(disk: Path) -> int:
    argv = [programs.resolve("qemu-img"), "info", "--output=json", str(disk)]
    told = msgspec.json.decode(run(argv, timeout_s=60).stdout, type=_Info)
    return told.virtual_size


def _firmware(firmware: Firmware, folder: Path) -> list[str]:
    if firmware is Firmware.BIOS:
        return []
    code = f"if=pflash,format=raw,unit=0,readonly=on,file={_OVMF / 'OVMF_CODE_4M.fd'}"
    return ["-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={folder / VARIABLES}"]
