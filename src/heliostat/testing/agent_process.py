"""An agent in a process of its own, for tests that kill it: ``python -m`` this with a folder.

The folder holds ``wishes.json`` (a snapshot), ``blobs/<digest>`` and receives
``reported.json``, the inventory as a controller would know it.  The controller is
in memory inside the process: what the agent keeps across a kill is only its home.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from heliostat.agent.hypervisors.qemu import QemuHypervisor
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings
from heliostat.agentlink.messages import AgentFrame, Reported, Snapshot
from heliostat.core.clock import SystemClock
from heliostat.core.files import atomic_write
from heliostat.testing.agent import MemoryController, desired_key


class FileController(MemoryController):
    """A controller that takes its wishes from a folder and writes what it hears there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        snapshot = msgspec.json.decode((folder / "wishes.json").read_bytes(), type=Snapshot)
        self.desired = {desired_key(item): item for item in snapshot.items}
        self.revision = snapshot.revision
        for path in (folder / "blobs").iterdir():
            self.blobs[path.name] = path.read_bytes()

    async def received(self, frame: AgentFrame) -> None:
        await super().received(frame)
        known = msgspec.json.encode(self.reported)
        atomic_write(self._folder / "reported.json", known)


def read_reported(folder: Path) -> dict[str, Reported]:
    """What the agent last reported; empty if nothing yet."""
    try:
        raw = (folder / "reported.json").read_bytes()
    except FileNotFoundError:
        return {}
    return msgspec.json.decode(raw, type=dict[str, Reported])


async def _main(folder: Path) -> None:
    home = folder / "home"
    settings = AgentSettings(accelerator="tcg", retry_min_s=0.2)
    hypervisor = QemuHypervisor(home, settings)
    await Agent(home, FileController(folder).dial, hypervisor, SystemClock(), settings).run()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
