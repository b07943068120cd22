"""A furnished site over TCP for each test, and a session to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from heliostat.testing.site import Site, furnished_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with furnished_site(tmp_path) as served:
        yield served


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened
