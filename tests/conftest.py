"""Rules for the whole suite: slow tests stay inside a time budget when one is set."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import settings

# How long an example takes says more about who else uses the machine than about the code.
settings.register_profile("heliostat", deadline=None)
settings.load_profile("heliostat")

BUDGET_ENV = "HELIO_SLOW_BUDGET_S"
_started_s = time.monotonic()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, and say so, a slow test that would begin after the budget is spent."""
    budget = os.environ.get(BUDGET_ENV)
    if budget is None or item.get_closest_marker("slow") is None:
        return
    spent_s = time.monotonic() - _started_s
    needs = item.get_closest_marker("takes")
    needs_s = needs.args[0] if needs is not None else 0
    if spent_s + needs_s > float(budget):
        pytest.skip(f"{spent_s:.0f} s of {budget} s are spent and this needs about {needs_s} s")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest slow tests last, so that a budget cuts as few as possible."""

    def needs_s(item: pytest.Item) -> float:
        marker = item.get_closest_marker("takes")
        return float(marker.args[0]) if marker is not None else 0.0

    items.sort(key=needs_s)
