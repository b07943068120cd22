"""A started sign-in for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.testing.signin import IdentityKit, start_identity


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    yield made
    made.identity.close()
    await made.store.close()
