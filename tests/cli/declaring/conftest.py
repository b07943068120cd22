"""``helio`` against a whole small cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from heliostat.cli.main import run


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command line did."""

    code: int
    out: str
    err: str


Helio = Callable[..., Awaitable[Shown]]


@pytest.fixture
def helio(capsys: Any) -> Helio:
    async def call(*argv: str) -> Shown:
        capsys.readouterr()
        code = await asyncio.wait_for(asyncio.to_thread(run, argv), 60)
        shown = capsys.readouterr()
        return Shown(code, shown.out, shown.err)

    return call
