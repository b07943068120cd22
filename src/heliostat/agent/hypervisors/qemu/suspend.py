"""Saving a guest's memory to its folder and starting from it.

Steps and what an interruption leaves: memory goes to ``memory.part`` (guest still
there: ``recover`` lets it go on) and is renamed to ``memory`` when it is complete
and durable (``recover`` ends the guest).  Loading renames it away *before* the
guest runs: memory is never used twice, which would corrupt disks that moved on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliostat.agent.hypervisors.qemu.machine import MEMORY, Machine, last_words
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed, Unanswered
from heliostat.core.errors import HeliostatError
from heliostat.core.files import sync_directory

PARTIAL, USED = "memory.part", "memory.used"
_POLL_S = 0.1
LOAD_TIMEOUT_S = 600.0
FAST = 1 << 40
"""Bytes a second: the default limit of 128 MiB/s is meant for shared networks."""


async def save(machine: Machine, progress: Callable[[float], None]) -> None:
    """Save memory and end the guest; on failure it runs on and nothing is left behind."""
    part = machine.folder / PARTIAL
    await machine.execute("stop")
    try:
        await _write(machine, part, progress)
    except BaseException:
        part.unlink(missing_ok=True)
        await machine.execute("cont")
        raise
    os.replace(part, machine.folder / MEMORY)
    sync_directory(machine.folder)
    await machine.kill()


async def load(machine: Machine) -> None:
    """Let a guest that was started with ``-incoming`` run from its memory."""
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            while True:
                if await machine.status() != "inmigrate":
                    break
                await asyncio.sleep(_POLL_S)
    except (Unanswered, TimeoutError) as error:
        await machine.kill()
        raise HypervisorFailed(
            f"The saved memory can't be loaded: {last_words(machine.folder)}"
        ) from error
    _use_up(machine.folder)
    await machine.execute("cont")


async def recover(machine: Machine) -> bool:
    """Bring a guest out of an interrupted save or load; false if that meant to end it."""
    status = await machine.status()
    if status == "inmigrate":
        await load(machine)
    elif status in ("paused", "postmigrate", "finish-migrate"):
        if status == "postmigrate" and (machine.folder / MEMORY).exists():
            await machine.kill()
            return False
        await _abandon(machine)
    return True


def discard(folder: Path) -> None:
    """Forget saved memory."""
    for name in (MEMORY, PARTIAL, USED):
        (folder / name).unlink(missing_ok=True)
    sync_directory(folder)


async def _write(machine: Machine, part: Path, progress: Callable[[float], None]) -> None:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        await machine.execute("migrate-set-parameters", {"max-bandwidth": FAST})
        await (await machine.qmp()).hand_over(handle, "memory")
        await machine.execute("migrate", {"uri": "fd:memory"})
        while (state := await machine.execute("query-migrate"))["status"] != "completed":
            if state["status"] in ("failed", "cancelled"):
                why = state.get("error-desc", "QEMU does not say why")
                raise HypervisorFailed(f"Memory can't be saved: {why}.")
            progress(_done(state))
            await asyncio.sleep(_POLL_S)
        await asyncio.to_thread(os.fsync, handle)
    finally:
        os.close(handle)
    progress(1.0)


async def _abandon(machine: Machine) -> None:
    """Stop a save that nobody waits for and let the guest go on."""
    await machine.execute("migrate_cancel")
    if (machine.folder / MEMORY).exists():
        _use_up(machine.folder)
    (machine.folder / PARTIAL).unlink(missing_ok=True)
    for _ in range(100):
        try:
            await machine.execute("cont")
        except Unanswered:
            raise
        except HeliostatError:
            await asyncio.sleep(_POLL_S)  # refused until the cancelled save has ended
        else:
            return
    raise HypervisorFailed("The guest can't be continued after an interrupted suspend.")


def _use_up(folder: Path) -> None:
    os.replace(folder / MEMORY, folder / USED)
    sync_directory(folder)
    (folder / USED).unlink()


def _done(state: dict[str, Any]) -> float:
    ram = state.get("ram", {})
    total = ram.get("total", 0)
    return 1.0 - ram.get("remaining", total) / total if total else 0.0
