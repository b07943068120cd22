"""A QEMU guest for tests of images: emulated, watched through its serial line.

Only what an image needs to prove itself; the agent's hypervisor is tested with its own.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pycdlib

from heliostat.core.emulation import accelerator_options
from heliostat.core.process import ENDING_WITH_US
from heliostat.os.guest.panic import last_words

MACHINE = (
    *("-nodefaults", "-no-reboot", "-display", "none", "-M", "q35"),
    *(*accelerator_options("tcg", translated_mib=256), "-serial", "stdio"),
)


class Guest:
    """A running guest; ``text`` is all that its serial line has said."""

    def __init__(self, process: asyncio.subprocess.Process, qmp: Path) -> None:
        self._process = process
        self._qmp = qmp
        self._news = asyncio.Event()
        self._silent = False
        self.text = ""

    async def listen(self) -> None:
        """Take down what the serial line says, to its end: a guest must never wait for a reader."""
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(4096):
            self.text += data.decode(errors="replace")
            self._news.set()
        self._silent = True
        self._news.set()

    async def wait_for(self, marker: str, *, timeout_s: float) -> str:
        """The rest of the line after ``marker``, once it has been said."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    self._news.clear()
                    _, found, after = self.text.partition(marker)
                    if found and "\n" in after:
                        return after.partition("\n")[0].strip()
                    self._must_live()
                    if self._silent:
                        raise EOFError
                    await self._news.wait()
        except (TimeoutError, EOFError) as error:
            raise AssertionError(f"no {marker} in:\n{self.text[-3000:]}") from error

    async def press_power_button(self) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._qmp))
        try:
            await reader.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                writer.write(json.dumps({"execute": command}).encode() + b"\n")
                await reader.readline()
        finally:
            writer.close()
            await writer.wait_closed()

    async def exit_code(self, *, timeout_s: float) -> int:
        """How QEMU ends, once the guest has switched itself off and not died of it."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._news.clear()
                self._must_live()
                if self._silent:
                    return await self._process.wait()
                await self._news.wait()

    def _must_live(self) -> None:
        words = last_words(self.text)
        assert words is None, f"the guest's kernel died: {words}; its console:\n{self.text[-6000:]}"


@asynccontextmanager
async def guest(
    folder: Path, arguments: Sequence[str], *, launcher: Sequence[str] = ()
) -> AsyncIterator[Guest]:
    """Run a guest with these devices; it is killed at the end if it still runs, and when we are.

    ``launcher`` is a command that QEMU is the argument of, such as one that enters a namespace.
    """
    qmp = folder / "qmp"
    monitor = ("-qmp", f"unix:{qmp},server=on,wait=off")
    pipe = asyncio.subprocess.PIPE
    command = (*launcher, *ENDING_WITH_US, "qemu-system-x86_64", *MACHINE, *monitor, *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    running = Guest(process, qmp)
    listening = asyncio.create_task(running.listen())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await listening
        await process.communicate()


class Attach(Protocol):
    """The arguments that attach a disk to a bus."""

    def __call__(
        self, path: Path, name: str, *, boot: bool = False, image_format: str = "qcow2"
    ) -> list[str]: ...


def nvme(path: Path, name: str, *, boot: bool = False, image_format: str = "qcow2") -> list[str]:
    """A disk.  Without an index the firmware boots whichever disk answers first."""
    return _disk("nvme", path, name, boot, image_format)


def virtio(path: Path, name: str, *, boot: bool = False, image_format: str = "qcow2") -> list[str]:
    """The same on virtio, as hosts attach disks by default."""
    return _disk("virtio-blk-pci", path, name, boot, image_format)


def _disk(driver: str, path: Path, name: str, boot: bool, image_format: str) -> list[str]:
    drive = f"file={path},format={image_format},if=none,id={name}"
    drive += ",read-only=on" if image_format == "raw" else ""
    device = f"{driver},drive={name},serial={name}" + (",bootindex=0" if boot else "")
    return ["-drive", drive, "-device", device]


def seed(path: Path, files: dict[str, str]) -> Path:
    """A NoCloud seed with these files."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for name, text in files.items():
        data = text.encode()
        iso.add_fp(io.BytesIO(data), len(data), f"/{name}", rr_name=name, joliet_path=f"/{name}")
    iso.write(str(path))
    iso.close()
    return path
