"""A site of one agent for the tests of what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.agent_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "agent")
