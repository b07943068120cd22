"""A root shell inside of a guest, without an agent, a password or a network.

systemd takes units from the virtual machine's firmware tables (credentials in SMBIOS,
``systemd.extra-unit.*`` since systemd 256).  The unit given here reads scripts from a virtio
port, runs one after the other and answers with exit code and both outputs.  The image looked
into is left as it is: nothing is written to its disk, and it needs nothing but systemd, a
shell and ``base64``.  The shell lives as long as the guest.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

PORT = "heliostat.insider"
_LINE_BYTES = 64 << 20
_DEATH_S = 5.0  # until a console's last words have been read, once its guest has hung up
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_READY = b"ready"

_DEVICE = f"dev-virtio\\x2dports-{PORT}.device"
_UNIT = f"""\
[Unit]
Description=Scripts from outside
DefaultDependencies=no
Wants={_DEVICE}
After={_DEVICE}
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Service]
# systemd waits 90 s for the device, which is too little on a host with much else to do
Restart=on-failure
RestartSec=1
ExecStart=/bin/sh /run/credentials/@system/{PORT}
OOMScoreAdjust=-900
TasksMax=infinity
"""
_WANTED = f"[Unit]\nWants={PORT}.service\n"

# A line in is "<number> <script in base64>", a line out "<number> <exit code> +<out> +<err>".
_SHELL = f"""\
exec 3<>/dev/virtio-ports/{PORT} || exit 1
echo ready >&3
while read -r number script <&3; do
    echo "$script" | base64 -d > /run/insider.sh
    cd /root
    HOME=/root /bin/bash /run/insider.sh </dev/null >/run/insider.out 2>/run/insider.err 3>&-
    code=$?
    echo "$number $code +$(base64 -w0 /run/insider.out) +$(base64 -w0 /run/insider.err)" >&3
done
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a script ended inside of a guest."""

    code: int
    out: str
    err: str


class ScriptFailed(Exception):
    """A script that should have ended well inside of the guest did not, or never ended."""


class KernelPanicked(ScriptFailed):
    """The guest's kernel died meanwhile."""

    def __init__(self, words: str) -> None:
        super().__init__(f"the guest's kernel died: {words}")


class Insider:
    """Runs scripts in one guest, one at a time."""

    def __init__(self) -> None:
        self._line: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()
        self._numbers: Iterator[int] = count(1)
        self._turn = asyncio.Lock()
        self._death: asyncio.Future[str] | None = None

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """QEMU has opened its end."""
        self._line.set_result((reader, writer))

    def dies_with(self, death: asyncio.Future[str]) -> None:
        """Once ``death`` has a kernel's last words, whoever waits here is told them."""
        self._death = death
        death.add_done_callback(lambda _: self._hang_up())

    def _hang_up(self) -> None:
        if self._line.done():
            self._line.result()[1].close()

    async def ready(self, *, timeout_s: float) -> None:
        """Wait until the guest's system is far enough to run scripts."""
        try:
            async with asyncio.timeout(timeout_s):
                reader, _ = await asyncio.shield(self._line)
                while (line := await reader.readline()).strip() != _READY:
                    if not line:
                        raise await self._ended("before it was ready for scripts")
        except TimeoutError as error:
            raise ScriptFailed(f"the guest took no script within {timeout_s:.3g} s") from error

    async def close(self) -> None:
        """Hang up, if there ever was a connection."""
        if self._line.done():
            _, writer = self._line.result()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, script: str, *, timeout_s: float = 60.0) -> Said:
        """Run a shell script as root, however it ends."""
        async with self._turn:
            number = next(self._numbers)
            encoded = base64.b64encode(script.encode()).decode()
            reader, writer = await asyncio.shield(self._line)
            try:
                async with asyncio.timeout(timeout_s):
                    writer.write(f"{number} {encoded}\n".encode())
                    await writer.drain()
                    said = await _answer(reader, number)
            except TimeoutError as error:
                raise ScriptFailed(f"no end within {timeout_s:.3g} s of: {script}") from error
            except ConnectionError:
                said = None
            if said is None:
                raise await self._ended(f"while it ran: {script}")
            return said

    async def run(self, script: str, *, timeout_s: float = 60.0) -> str:
        """What a script that ended well printed; ``ScriptFailed`` when it did not."""
        said = await self.ask(script, timeout_s=timeout_s)
        if said.code != 0:
            raise ScriptFailed(f"{script}\nended with {said.code}:\n{said.out}\n{said.err}")
        return said.out

    async def _ended(self, when: str) -> ScriptFailed:
        """What to say of a guest that has hung up, or was hung up on because it is dead."""
        if self._death is not None:
            await asyncio.wait({self._death}, timeout=_DEATH_S)
            if self._death.done() and not self._death.cancelled():
                return KernelPanicked(self._death.result())
        return ScriptFailed(f"the guest ended {when}")


async def _answer(reader: asyncio.StreamReader, number: int) -> Said | None:
    """The answer to this script; those to scripts that were given up are passed over."""
    while line := await reader.readline():
        fields = line.split()
        if len(fields) == 4 and fields[0] == str(number).encode():
            return Said(int(fields[1]), _text(fields[2]), _text(fields[3]))
    return None


def _text(field: bytes) -> str:
    return base64.b64decode(field.removeprefix(b"+")).decode(errors="replace")


def arguments(socket: Path) -> list[str]:
    """What QEMU is told so that the guest has the shell; its port is ``socket`` here."""
    given = {
        f"systemd.extra-unit.{PORT}.service": _UNIT,
        "systemd.unit-dropin.sysinit.target": _WANTED,
        PORT: _SHELL,
    }
    told = [each for name, text in given.items() for each in credential(name, text)]
    port = f"virtserialport,chardev=insider,name={PORT}"
    channel = ["-chardev", f"socket,id=insider,path={socket},server=off"]
    return [*told, "-device", "virtio-serial-pci", *channel, "-device", port]


def credential(name: str, text: str) -> list[str]:
    """A system credential, as clouds' firmware hands them to guests."""
    encoded = base64.b64encode(text.encode()).decode()
    return ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={encoded}"]


@asynccontextmanager
async def insider(socket: Path) -> AsyncIterator[Insider]:
    """Wait at ``socket`` for the QEMU that is started with ``arguments(socket)``."""
    shell = Insider()
    server = await asyncio.start_unix_server(shell.connected, str(socket), limit=_LINE_BYTES)
    try:
        yield shell
    finally:
        server.close()
        await shell.close()
