"""Whether KVM can run Linux here.

``/dev/kvm`` opening proves nothing, nor does firmware running: nested and
paravirtual KVMs exist where guests hang after the boot sector.  So a real kernel
is booted, with the options that guests get, until its first user program prints
a line.  The verdict holds for one kernel release, QEMU version and probe kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
import tempfile
from pathlib import Path

import msgspec

from heliostat.agent.hypervisors.qemu.command_line import PROGRAM
from heliostat.agent.hypervisors.qemu.first_program import MARKER, initramfs
from heliostat.agent.settings import AgentSettings
from heliostat.core.emulation import accelerator_options
from heliostat.core.files import atomic_write
from heliostat.core.process import run_async

PROBE_TIMEOUT_S = 30.0
CACHE = "kvm-probe.json"
_OPTIONS = "console=ttyS0 panic=-1"


class Verdict(msgspec.Struct, frozen=True):
    """The accelerator to use, and why."""

    accelerator: str
    reason: str
    key: str = ""


class Kernel(msgspec.Struct, frozen=True):
    """What the probe boots: a kernel, an initramfs, and the line its first program prints."""

    kernel: Path
    initrd: Path
    marker: str


async def choose_accelerator(home: Path, settings: AgentSettings) -> Verdict:
    """KVM if it was asked for or a probe guest boots with it, else TCG."""
    if settings.accelerator != "auto":
        return Verdict(settings.accelerator, "Set in the settings.")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Verdict("tcg", "/dev/kvm can't be opened.")
    path = settings.probe_kernel or host_kernel()
    if path is None:
        return Verdict("tcg", "There is no kernel to probe KVM with; set agent.probe_kernel.")
    key = await _key(path, settings.probe_initrd)
    known = _known(home / CACHE)
    if known is not None and known.key == key:
        return known
    verdict = await _probe(path, settings, key)
    atomic_write(home / CACHE, msgspec.json.encode(verdict))
    return verdict


def host_kernel(folder: Path = Path("/boot")) -> Path | None:
    """A kernel of this host that may be read, the running one first."""
    found = sorted(folder.glob("vmlinuz-*"), reverse=True)
    found.sort(key=lambda path: not path.name.endswith(platform.release()))
    return next((path for path in found if os.access(path, os.R_OK)), None)


async def boots(kernel: Kernel, accelerator: str, *, timeout_s: float) -> bool:
    """Whether ``kernel`` reaches user space within ``timeout_s``."""
    argv = [
        *(PROGRAM, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-machine", "q35", *accelerator_options(accelerator), "-m", "256M"),
        *("-kernel", str(kernel.kernel), "-initrd", str(kernel.initrd)),
        *(
            "-append",
            f"{_OPTIONS} no_timer_check tsc_early_khz=1000000"
            if accelerator == "tcg"
            else _OPTIONS,
        ),
        *("-serial", "stdio"),
    ]
    guest = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert guest.stdout is not None
    try:
        async with asyncio.timeout(timeout_s):
            return await _prints(guest.stdout, kernel.marker.encode())
    except TimeoutError:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            guest.kill()
        await guest.communicate()


async def _prints(output: asyncio.StreamReader, marker: bytes) -> bool:
    seen = b""
    while chunk := await output.read(4096):
        seen = (seen + chunk)[-8192:]
        if marker in seen:
            return True
    return False


async def _probe(path: Path, settings: AgentSettings, key: str) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="heliostat-probe-") as folder:
        if settings.probe_initrd is not None:
            kernel = Kernel(path, settings.probe_initrd, settings.probe_marker)
        else:
            own = Path(folder) / "initrd"
            own.write_bytes(initramfs())
            kernel = Kernel(path, own, MARKER)
        if await boots(kernel, "kvm", timeout_s=PROBE_TIMEOUT_S):
            return Verdict("kvm", f"A probe guest ({path.name}) booted with KVM.", key)
    why = f"A probe guest ({path.name}) did not reach user space with KVM"
    return Verdict("tcg", f"{why} within {PROBE_TIMEOUT_S:.0f} s.", key)


async def _key(kernel: Path, initrd: Path | None) -> str:
    version = await run_async([PROGRAM, "--version"], timeout_s=20)
    digests = [await asyncio.to_thread(_digest, path) for path in (kernel, initrd) if path]
    parts = [platform.release(), version.stdout.splitlines()[0], *digests]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _known(path: Path) -> Verdict | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
