"""A process that writes for ever keeps a bounded log, and loses no line while it rotates."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from heliostat.core.log_rotation import LOG_FILE_ENV

LARGEST_BYTES = 20_000
PROGRAM = f"""
import logging
from heliostat.core.logs import LogSettings, configure
configure(LogSettings(largest_bytes={LARGEST_BYTES}, kept=3))
for number in range(1500):
    logging.getLogger("x").info("line %d", number)
"""


def written(path: Path) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in path.read_text().splitlines()]


def test_the_files_stay_small_and_hold_the_newest_lines(tmp_path: Path) -> None:
    path = tmp_path / "role.log"
    with path.open("ab") as log:
        environ = {**os.environ, LOG_FILE_ENV: str(path)}
        argv = [sys.executable, "-c", PROGRAM]
        subprocess.run(argv, stderr=log, env=environ, check=True, timeout=60)
    files = [path, *(tmp_path / f"role.log.{number}" for number in (1, 2, 3))]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(each.stat().st_size < 2 * LARGEST_BYTES for each in files)
    lines = [number for each in reversed(files) for number in written(each)]
    assert lines == list(range(lines[0], 1500))


def test_a_log_that_cannot_be_rotated_does_not_end_the_process(tmp_path: Path) -> None:
    environ = {**os.environ, LOG_FILE_ENV: str(tmp_path / "gone" / "role.log")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, env=environ, check=True, timeout=60
    )
    assert b"can't be rotated" in done.stderr
    assert b"line 1499" in done.stderr
