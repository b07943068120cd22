"""The conformance suite's fixtures: every test that takes ``store`` runs over every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import CloudStore
from heliostat.testing.clock import VirtualClock
from heliostat.testing.stores import BACKENDS, Open


@pytest.fixture(params=sorted(BACKENDS))
def opener(request: pytest.FixtureRequest) -> Open:
    return BACKENDS[request.param]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(opener: Open, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[CloudStore]:
    opened = await opener(tmp_path, clock)
    yield opened
    await opened.close()
