"""QEMU that does not answer, and guests that take no input: without a QEMU."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from heliostat.agent.hypervisors.contract import Life
from heliostat.agent.hypervisors.qemu import driver, forward, process
from heliostat.agent.hypervisors.qemu.machine import Machine
from heliostat.agent.hypervisors.qemu.qmp import Unanswered
from heliostat.agent.settings import AgentSettings
from heliostat.core.errors import TemporaryError


class SlowMachine(Machine):
    """A guest that stops as it is told, too late for whoever waits for the answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__("v1", folder, "tcg")
        self.adopted = True
        self.state = "running"

    async def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        if command == "stop":
            self.state = "paused"
            raise Unanswered("QEMU did not answer stop.")
        if command == "cont":
            self.state = "running"
        return {"status": self.state} if command == "query-status" else []


async def test_a_guest_that_was_stopped_without_an_answer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hypervisor = driver.QemuHypervisor(tmp_path, AgentSettings())
    machine = SlowMachine(tmp_path)
    hypervisor._machines["v1"] = machine
    with pytest.raises(Unanswered):
        await hypervisor.save("v1", lambda _done: None)
    assert machine.state == "paused"
    monkeypatch.setattr(process, "is_alive", lambda _folder: True)
    assert (await hypervisor.look("v1", tmp_path)).life is Life.RUNNING
    assert machine.state == "running"


async def test_a_guest_that_takes_no_input_holds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "STUCK_S", 0.05)
    monkeypatch.setattr(forward, "FLUSH_S", 0.05)
    over = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_unix_server(deaf, str(tmp_path / "serial.sock"), limit=1024)
    stream = await forward.console(Machine("v1", tmp_path, "tcg"))
    began_s = time.monotonic()
    with pytest.raises(TemporaryError, match="took no input"):
        await stream.write(bytes(8 << 20))
    await stream.close()
    assert time.monotonic() - began_s < 5
    over.set()
    server.close()
    await server.wait_closed()
