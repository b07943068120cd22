"""Every route answers its examples, and none lacks one.

The same examples show that a plan changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from heliostat.testing.examples import Example, filled, load, matches, send
from heliostat.testing.site import Site
from heliostat.wire.routes import BY_OPERATION, ROUTES

FOLDER = Path(__file__).parent / "examples"
EXAMPLES = [example for path in sorted(FOLDER.glob("*.json")) for example in load(path)]
CHANGES = [
    example
    for example in EXAMPLES
    if BY_OPERATION[example.operation].mutating and example.status in (201, 204)
]


def _name(example: Example) -> str:
    return f"{example.operation}: {example.title}"


def test_every_route_has_an_example_that_succeeds() -> None:
    """Of a route that misses something that is to say so."""
    shown = {example.operation for example in EXAMPLES if example.status < 300}
    refused = {
        example.operation
        for example in EXAMPLES
        if isinstance(example.answer, dict) and example.answer.get("code") == "NotConfigured"
    }
    assert {route.operation for route in ROUTES if not route.missing} == shown
    assert {route.operation for route in ROUTES if route.missing} == refused


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
async def test_example(site: Site, session: aiohttp.ClientSession, example: Example) -> None:
    status, found = await send(session, site, BY_OPERATION[example.operation], example)
    assert status == example.status, found
    if example.answer is not None:
        expected = filled(example.answer, site.ids)
        assert matches(expected, found), (expected, found)


@pytest.mark.parametrize("example", CHANGES, ids=_name)
async def test_plan_changes_nothing(
    site: Site, session: aiohttp.ClientSession, example: Example
) -> None:
    """The plan answers 200, and store and content are as before."""
    mark = "&" if "?" in example.path else "?"
    planned = replace(example, path=f"{example.path}{mark}plan=true")
    before = await site.ports.store.revision()
    status, found = await send(session, site, BY_OPERATION[example.operation], planned)
    assert status == 200, found
    assert found.keys() >= {"operation", "entity", "steps", "quota", "warnings"}
    assert await site.ports.store.revision() == before
    assert list(site.ports.blobs.stored()) == []
