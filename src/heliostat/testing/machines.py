"""Whole machines for tests: an image booted as a cloud would, and looked at from inside.

``booted`` puts together a copy-on-write child of the image, firmware, bus, seed, network and
the insider's shell (``heliostat.os.guest.insider``).  ``Machine.health`` is what the gates of
an image want to know: the system's state, what failed, what the journal holds against it.
Everything ends with the context; the image is never written to.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from heliostat.core.process import CommandFailed, run, run_async
from heliostat.os.guest.insider import (
    Insider,
    KernelPanicked,
    Said,
    ScriptFailed,
    arguments,
    insider,
)
from heliostat.os.guest.panic import watched
from heliostat.testing.bootable import Attach, Guest, guest, virtio
from heliostat.testing.private_net import PrivateNet, private_net

# On a host with two processors and load 20 everything takes six times as long as on a quiet one;
# a kernel that dies is told at once, so patience costs little.
BOOT_S = 900.0
SCRIPT_S = 240.0
LONG_S = 600.0
"""What a script with much to do may take."""
_OVMF = Path("/usr/share/OVMF")
SSH_PORT = 2222
WEB_PORT = 2280
MAC = "52:54:00:12:34:56"
_FORWARDS = f"hostfwd=tcp:127.0.0.1:{SSH_PORT}-:22,hostfwd=tcp:127.0.0.1:{WEB_PORT}-:80"
_CARD = f"user,model=virtio-net-pci,mac={MAC},{_FORWARDS}"
_SSH_OPTIONS = (
    *("-oBatchMode=yes", "-oLogLevel=ERROR", "-oStrictHostKeyChecking=no"),
    *("-oUserKnownHostsFile=/dev/null", "-oConnectTimeout=90", "-oIdentitiesOnly=yes"),
)
_SETTLE = "systemctl is-system-running --wait; true"


class Firmware(StrEnum):
    """What starts the boot loader."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True, slots=True)
class Shape:
    """The virtual hardware."""

    firmware: Firmware = Firmware.BIOS
    attach: Attach = virtio
    memory_mib: int = 1024
    cpus: int = 1
    """More are emulated in turn, so they make nothing faster."""
    disk: str = "6G"
    domain: str = ""
    """The network's name, as DHCP tells it."""
    smbios: Sequence[str] = ()
    """Values of ``-smbios``: what a cloud writes there to be recognised."""
    devices: Sequence[str] = field(default=())
    """More of QEMU's arguments."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a booted system says of itself."""

    state: str
    failed: tuple[str, ...]
    errors: tuple[str, ...]
    kernel_s: float
    userspace_s: float
    used_kib: int
    """MemTotal less MemAvailable."""


class Machine:
    """A booted guest with a root shell inside."""

    def __init__(self, running: Guest, shell: Insider, net: PrivateNet, folder: Path) -> None:
        self.guest = running
        self.folder = folder
        self._shell = shell
        self.net = net

    async def run(self, script: str, *, timeout_s: float = SCRIPT_S) -> str:
        """What the script printed; it must end well."""
        with self._console_of_the_dead():
            return await self._shell.run(script, timeout_s=timeout_s)

    async def ask(self, script: str, *, timeout_s: float = SCRIPT_S) -> Said:
        """The same for a script that may fail."""
        with self._console_of_the_dead():
            return await self._shell.ask(script, timeout_s=timeout_s)

    @contextmanager
    def _console_of_the_dead(self) -> Iterator[None]:
        try:
            yield
        except KernelPanicked as error:
            error.add_note(f"Its console:\n{self.guest.text[-6000:]}")
            raise

    async def settled(self, *, timeout_s: float = BOOT_S) -> str:
        """The system's state once no job is left: ``running`` when all is well."""
        return (await self.run(_SETTLE, timeout_s=timeout_s)).strip()

    async def health(self) -> Health:
        """State, failed units, errors in the journal, boot times and memory in use."""
        state = await self.settled()
        failed = await self.run("systemctl --failed --plain --no-legend | cut -d' ' -f1")
        errors = await self.run("journalctl -b -p err -o cat --no-pager")
        times = await self.run(
            "systemctl show -P UserspaceTimestampMonotonic -P FinishTimestampMonotonic"
        )
        userspace_us, finish_us = (int(each) for each in times.split())
        used_kib = await self.used_kib()
        return Health(
            state=state,
            failed=tuple(failed.split()),
            errors=tuple(errors.splitlines()),
            kernel_s=userspace_us / 1e6,
            userspace_s=(finish_us - userspace_us) / 1e6,
            used_kib=used_kib,
        )

    async def used_kib(self) -> int:
        """MemTotal less MemAvailable."""
        told = await self.run("cat /proc/meminfo")
        found = {line.split(":")[0]: line.split()[1] for line in told.splitlines()}
        return int(found["MemTotal"]) - int(found["MemAvailable"])

    async def ssh(self, key: Path, user: str, *command: str, options: Sequence[str] = ()) -> Said:
        """Sign in from outside with this key and run a command."""
        argv = ["ssh", "-i", str(key), "-p", str(SSH_PORT), *_SSH_OPTIONS]
        argv += [*(f"-o{each}" for each in options), f"{user}@127.0.0.1", *command]
        return await self.outside(argv, timeout_s=SCRIPT_S)

    async def outside(self, argv: Sequence[str], *, timeout_s: float = 30.0) -> Said:
        """Run a program on this host, in the guest's network."""
        try:
            done = await run_async([*self.net.launcher(), *argv], timeout_s=timeout_s)
        except CommandFailed as failed:
            if failed.exit_code is None:
                raise
            return Said(failed.exit_code, failed.stdout, failed.stderr)
        return Said(0, done.stdout, done.stderr)

    async def switch_off(self, *, timeout_s: float = SCRIPT_S) -> None:
        """Power off from inside and wait for the end of QEMU."""
        # a moment later, so that the shell has answered before it is stopped
        await self.run("(sleep 1; systemctl poweroff) </dev/null >/dev/null 2>&1 &")
        await self.guest.exit_code(timeout_s=timeout_s)


def overlay(image: Path, out: Path, size: str, *, image_format: str = "qcow2") -> Path:
    """A copy-on-write child of ``image``, as hosts make them."""
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image.resolve())]
    run([*argv, "-F", image_format, str(out), size], timeout_s=30)
    return out


@asynccontextmanager
async def booted(
    disk: Path,
    folder: Path,
    shape: Shape | None = None,
    *,
    seed: Path | None = None,
    net: PrivateNet | None = None,
    ready_s: float = BOOT_S,
) -> AsyncIterator[Machine]:
    """Boot ``disk`` (an overlay: it is written to) and hand out the machine once it takes scripts.

    ``folder`` must exist and be new to each boot.  The guest reaches ``net`` and nothing else;
    without it a network is made where nobody is.  In it, 127.0.0.1:``SSH_PORT`` leads to the
    guest's SSH and ``WEB_PORT`` to its port 80.
    """
    shape = shape or Shape()
    socket = folder / "insider"
    devices = [*shape.attach(disk, "boot", boot=True), *_firmware(shape.firmware, folder)]
    if seed is not None:
        devices += shape.attach(seed, "seed", image_format="raw")
    devices += ["-m", str(shape.memory_mib), "-smp", str(shape.cpus)]
    devices += ["-nic", f"{_CARD},domainname={shape.domain}" if shape.domain else _CARD]
    for each in shape.smbios:
        devices += ["-smbios", each]
    devices += ["-device", "virtio-rng-pci", *arguments(socket), *shape.devices]
    async with AsyncExitStack() as stack:
        net = net or stack.enter_context(private_net())
        shell = await stack.enter_async_context(insider(socket))
        start = guest(folder, devices, launcher=net.launcher())
        running = await stack.enter_async_context(start)
        await stack.enter_async_context(watched(shell, lambda: running.text))
        try:
            await shell.ready(timeout_s=ready_s)
        except ScriptFailed as error:
            raise AssertionError(f"{error}; its console:\n{running.text[-4000:]}") from error
        yield Machine(running, shell, net, folder)


def _firmware(firmware: Firmware, folder: Path) -> list[str]:
    if firmware is Firmware.BIOS:
        return []
    own = folder / "vars.fd"
    shutil.copyfile(_OVMF / "OVMF_VARS_4M.fd", own)
    code = f"if=pflash,format=raw,unit=0,readonly=on,file={_OVMF / 'OVMF_CODE_4M.fd'}"
    return ["-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={own}"]
