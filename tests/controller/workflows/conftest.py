"""A small cloud with one host, a tenant and project of the same limits, and an image."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.testing.cloud import SmallCloud, count, gigabytes


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[SmallCloud]:
    async with SmallCloud(tmp_path) as cloud:
        await cloud.furnish(limits={"vm.cpu": count(4), "vm.memory": gigabytes(8)})
        yield cloud
        await cloud.check()
