"""``helio`` against a whole small cloud."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.testing.served_cloud import Served, served_cloud


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command line did."""

    code: int
    out: str
    err: str


Helio = Callable[..., Awaitable[Shown]]


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with served_cloud(tmp_path / "cloud") as made:
        monkeypatch.setenv("HELIO_TARGET", made.url)
        monkeypatch.setenv("HELIO_TOKEN", "admin")
        yield made


@pytest.fixture
def helio(capsys: Any) -> Helio:
    async def call(*argv: str) -> Shown:
        capsys.readouterr()
        code = await asyncio.wait_for(asyncio.to_thread(run, argv), 60)
        shown = capsys.readouterr()
        return Shown(code, shown.out, shown.err)

    return call
