"""The committed reference page is the table's."""

from __future__ import annotations

from pathlib import Path

from heliostat.wire import reference
from heliostat.wire.access import Access
from heliostat.wire.routes import ROUTES

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_committed_copy_is_current() -> None:
    """Renew it with ``python -m heliostat.wire.reference > docs/reference/api.md``."""
    assert COMMITTED.read_text() == reference.render()


def test_every_route_is_on_the_page() -> None:
    page = reference.render()
    assert all(f"### `{route.method} {route.path}`" in page for route in ROUTES)
    assert reference.WHO.keys() == set(Access)
