"""Processes are told apart from re-used pids, and stopped by asking first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from heliostat.server import pidfile


def _child(code: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def _note(path: Path, pid: int) -> None:
    path.write_text(f"{pid} {pidfile.start_ticks(pid)}\n")


def test_reads_the_process_that_wrote_it(tmp_path: Path) -> None:
    pidfile.write(tmp_path / "x.pid")
    process = pidfile.read(tmp_path / "x.pid")
    assert process is not None
    assert process.pid == os.getpid()


def test_a_reused_pid_is_nobody(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    path.write_text(f"{os.getpid()} 1\n")
    assert pidfile.read(path) is None
    assert pidfile.stop(path, timeout_s=1) is False
    assert not path.exists()


def test_stop_asks_first(tmp_path: Path) -> None:
    code = (
        "import signal,sys,time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('up', flush=True)\ntime.sleep(60)\n"
    )
    with _child(code) as child:
        _note(tmp_path / "x.pid", child.pid)
        assert pidfile.stop(tmp_path / "x.pid", timeout_s=10) is True
        assert child.wait() == 7


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    code = (
        "import signal,time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\ntime.sleep(60)\n"
    )
    with _child(code) as child:
        _note(tmp_path / "x.pid", child.pid)
        assert pidfile.stop(tmp_path / "x.pid", timeout_s=0.2) is True
        assert child.wait() == -9
