"""A platform for each test, and the tiny guest that boots in seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.os.image.tiny import TinyGuest, build_tiny
from heliostat.testing.platform import TestPlatform
from heliostat.testing.platform import platform as new_platform

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tiny() -> TinyGuest:
    """The tiny guest, kept between runs."""
    return build_tiny(Path(os.environ.get("HELIO_CACHE") or CHECKOUT / ".cache"))


@pytest.fixture
def platform() -> Iterator[TestPlatform]:
    """A platform that is not started yet; its processes end with the test."""
    with new_platform() as made:
        yield made
