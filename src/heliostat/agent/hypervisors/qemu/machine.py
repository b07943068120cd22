"""One running guest: its process and its monitor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliostat.agent.hypervisors.contract import GuestSpec
from heliostat.agent.hypervisors.qemu import process
from heliostat.agent.hypervisors.qemu.command_line import (
    PROGRAM,
    QMP_SOCKET,
    command_line,
)
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed, Qmp, Unanswered
from heliostat.core.errors import HeliostatError

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
QUIT_TIMEOUT_S = 5.0
MEMORY = "memory"


class Machine:
    """A guest that runs; made by ``start`` or ``adopt``, ended by ``kill`` or by itself."""

    def __init__(self, vm_id: str, folder: Path, accelerator: str) -> None:
        self.vm_id = vm_id
        self.folder = folder
        self.accelerator = accelerator
        self.adopted = False
        self._qmp: Qmp | None = None
        self._connecting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None

    async def qmp(self) -> Qmp:
        """The monitor, connected again if an earlier connection broke."""
        async with self._connecting:
            if self._qmp is None:
                self._qmp = await Qmp.connect(self.folder, QMP_SOCKET)
            return self._qmp

    async def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """Run a QMP command; a broken connection is made anew at the next call."""
        try:
            return await (await self.qmp()).execute(command, arguments)
        except Unanswered:
            await self._drop_qmp()
            raise

    async def human(self, line: str) -> str:
        answer: str = await self.execute("human-monitor-command", {"command-line": line})
        return answer

    async def status(self) -> str:
        """QEMU's run state: ``running``, ``paused``, ``io-error`` …"""
        status: str = (await self.execute("query-status"))["status"]
        return status

    async def start(self, spec: GuestSpec, *, restore: bool) -> None:
        """Start the process; returns when the monitor answers and the guest runs."""
        memory = self.folder / MEMORY if restore else None
        argv = command_line(spec, self.accelerator, restore=restore)
        process.spawn(self.folder, argv, memory)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._until_answering()
        except TimeoutError as error:
            await self.kill()
            raise HypervisorFailed(
                f"{PROGRAM} did not answer within {START_TIMEOUT_S:.0f} s of its start."
            ) from error

    def watch(self, ended: Callable[[str], None]) -> None:
        """Call ``ended`` once when the guest is gone."""

        async def follow() -> None:
            await process.until_ended(self.folder)
            await self._drop_qmp()
            ended(self.vm_id)

        self._watcher = asyncio.create_task(follow(), name=f"watch {self.vm_id}")

    async def kill(self) -> None:
        """End the guest: ``quit`` flushes disks; a QEMU that doesn't react is killed."""
        with contextlib.suppress(HeliostatError):
            await self.execute("quit")
        try:
            async with asyncio.timeout(QUIT_TIMEOUT_S):
                await self._until_ended()
        except TimeoutError:
            log.warning("QEMU of %s does not react to quit: killing it", self.vm_id)
            process.kill(self.folder)
            await self._until_ended()

    async def close(self) -> None:
        """Let go; the guest runs on."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self._drop_qmp()

    async def _until_ended(self) -> None:
        """The guest is gone and its watcher, if any, has said so."""
        if self._watcher is None:
            await process.until_ended(self.folder)
        else:
            await asyncio.shield(self._watcher)

    async def _until_answering(self) -> None:
        while True:
            try:
                await self.status()
            except Unanswered:
                if not process.is_alive(self.folder):
                    process.reap(self.folder)
                    raise HypervisorFailed(
                        f"QEMU did not start: {last_words(self.folder)}"
                    ) from None
                await asyncio.sleep(0.05)
            else:
                return

    async def _drop_qmp(self) -> None:
        qmp, self._qmp = self._qmp, None
        if qmp is not None:
            await qmp.close()


def last_words(folder: Path) -> str:
    """The last line that QEMU itself printed."""
    try:
        lines = (folder / process.QEMU_LOG).read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return lines[-1] if lines else "it printed nothing."
