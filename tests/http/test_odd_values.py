"""Whatever stands in a field, the answer is never a failure of the server.

Every value of every example body is replaced by odd ones in turn, and planned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from heliostat.testing.examples import Example, load, send
from heliostat.testing.site import Site
from heliostat.wire.route import Body, Route
from heliostat.wire.routes import ROUTES

FOLDER = Path(__file__).parent / "examples"
REMEMBERED = {"changeOwnPassword"}
"""A plan counts wrong passwords, too: nobody guesses by planning."""
BODIES = [route for route in ROUTES if route.body is Body.JSON]
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    2**63,
    2**53,
    -(2**53),
    0.1,
    "",
    "\x00",
    "ü/../%2e",
    "x" * 5000,
    [],
    [[]],
    {},
    {"": ""},
)


def mutations(value: Any) -> Iterator[Any]:
    """``value`` with one part of it (itself last) replaced, for each part and odd value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for changed in mutations(inner):
                yield {**value, key: changed}
            yield {f"{key}\x00": inner}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for changed in mutations(inner):
                yield [*value[:index], changed, *value[index + 1 :]]
    yield from ODD


ODD_IDS = ("%2F", "%00", "..%2F..", "%C3%BC", "%FF", "x" * 3000, "%5C", "%25", "%E2%80%AE")
READS = [
    route for route in ROUTES if route.method == "GET" and route.parameters and not route.missing
]


@pytest.mark.parametrize("route", READS, ids=lambda route: route.operation)
async def test_no_id_fails_the_server(
    site: Site, session: aiohttp.ClientSession, route: Route
) -> None:
    for caller in ("admin", "project-user"):
        for odd in ODD_IDS:
            path = route.path.replace("{id}", odd).replace("{port}", "22")
            headers = {"Authorization": f"Bearer {caller}"}
            url = URL(site.base + path, encoded=True)
            async with session.get(url, headers=headers) as answer:
                assert answer.status in (403, 404), (path, await answer.text())


def _fullest(operation: str) -> Example:
    found = [each for each in load(FOLDER / f"{operation}.json") if each.status < 300]
    return max(found, key=lambda each: len(str(each.body)))


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.operation)
async def test_no_value_fails_the_server(
    site: Site, session: aiohttp.ClientSession, route: Any
) -> None:
    example = _fullest(route.operation)
    path = example.path if "plan=" in example.path else f"{example.path}?plan=true"
    before = await site.ports.store.revision()
    statuses: set[int] = set()
    for body in mutations(example.body):
        if body is None:
            continue  # no body at all is another test's
        status, found = await send(session, site, route, replace(example, path=path, body=body))
        assert status < 500, (body, found)
        statuses.add(status)
        if status >= 400:
            assert found.keys() == {"code", "message", "data", "hint"}
            assert found["message"]
            assert found["hint"]
    assert 400 in statuses
    if route.operation not in REMEMBERED:
        assert await site.ports.store.revision() == before
