"""Programs shut in: they end with whoever started them, and leave no mount behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of mounts need root")
_STARTER = (
    "import sys; from pathlib import Path; from heliostat.os.tree.chroot import Chroot;"
    "Chroot(Path(sys.argv[1]), 0).run_on(['sh', '-c', sys.argv[2]], timeout_s=600)"
)


def test_a_program_in_a_tree_is_killed_with_its_starter(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    script = f"echo begun > {tmp_path}/begun; sleep 600; echo {tmp_path}"
    process = subprocess.Popen([sys.executable, "-c", _STARTER, str(tmp_path), script])
    _until(lambda: (tmp_path / "begun").is_file())
    assert _running(script)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _until(lambda: not _running(script))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def _running(script: str) -> bool:
    """Whether any process has the script on its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if script.encode() in path.read_bytes():
                return True
        except OSError:  # it ended meanwhile
            continue
    return False


def _until(done: Callable[[], bool]) -> None:
    """Wait for it; what never comes is ended by the test's own time limit."""
    while not done():
        time.sleep(0.05)
