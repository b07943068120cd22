"""The API against its own description: no 5xx, no answer outside the schema, no surprise status."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from heliostat.testing.fuzzing import CHECKS, write_description
from heliostat.testing.site import Site

SECONDS = int(os.environ.get("HELIO_FUZZ_SECONDS", "45"))
"""For each caller; a longer run finds more."""


@pytest.mark.slow
@pytest.mark.takes(60)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", ["admin", "project-user", "tenant-admin", ""])
async def test_fuzz(site: Site, tmp_path: Path, caller: str) -> None:
    described = write_description(tmp_path, [*site.ids.values(), "ada", "operators", "robot"])
    headers = ["-H", f"Authorization: Bearer {caller}"] if caller else []
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        str(described),
        *("--url", site.base, "--checks", ",".join(CHECKS), "--seed", "1"),
        *("--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS)),
        *("--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off"),
        *("--continue-on-failure", "--no-color", "--output-truncate", "true"),
        *headers,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        raw, _ = await asyncio.wait_for(process.communicate(), 10 * SECONDS + 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    report = raw.decode(errors="replace")
    assert process.returncode == 0, report[-20_000:]
