"""Where packages are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``HELIO_CACHE`` if it is set, so that what was fetched and built is used again."""
    configured = os.environ.get("HELIO_CACHE")
    return Path(configured) if configured else tmp_path_factory.mktemp("cache")
