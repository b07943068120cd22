"""Where the images of guests' tests come from, and how guests are kept over a module's tests.

Booting takes most of the time under emulation: tests that only look at a machine share one.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.testing.editions import Key, new_key


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``HELIO_CACHE`` if it is set, so that what was fetched and built is used again."""
    configured = os.environ.get("HELIO_CACHE")
    return Path(configured) if configured else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """The key of the person whose machines these are."""
    return new_key(tmp_path_factory.mktemp("key"))
