"""The generated reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.server.reference import PAGES

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_is_current(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name](), "run `make docs`"
