"""A started sign-in for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.testing.robot import Robot
from heliostat.testing.signin import IdentityKit, new_key_pair, start_identity


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    yield made
    made.identity.close()
    await made.store.close()


@pytest.fixture
async def robot(kit: IdentityKit) -> Robot:
    private, public = new_key_pair()
    await kit.identity.directory.create_group("Robots")
    await kit.identity.directory.create_service_account("ci", public, ["Robots"])
    return Robot(kit, private)
