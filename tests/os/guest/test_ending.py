"""A guest doesn't outlive the process that looks at it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

_LOOKING = """
import asyncio, os, signal, sys
from pathlib import Path
from heliostat.os.guest.qemu import started

async def look():
    folder = Path(sys.argv[1])
    guest = ["sh", "-c", 'echo $$ > "$0/begun" && mv "$0/begun" "$0/pid" && exec sleep 600']
    async with started([*guest, str(folder)], folder):
        while not (folder / "pid").exists():
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(look())
"""


def test_a_guest_is_killed_with_who_started_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _LOOKING, str(tmp_path)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    state = Path(f"/proc/{int((tmp_path / 'pid').read_text())}/stat")
    while _alive(state):  # for as long as the test may take
        time.sleep(0.05)


def _alive(state: Path) -> bool:
    try:
        return state.read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
