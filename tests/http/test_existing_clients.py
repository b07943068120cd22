"""Every call that existing clients make is answered by a route: nothing is unknown here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from heliostat.testing.site import Site, furnished_site
from heliostat.wire.routes import ROUTES

CALLS = [
    (method, path)
    for line in (Path(__file__).parent / "existing_clients.txt").read_text().splitlines()
    if line and not line.startswith("#")
    for method, path in [line.split(" ", 1)]
]
TABLE = {(route.method, route.path) for route in ROUTES}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with furnished_site(tmp_path_factory.mktemp("site")) as served:
        yield served


def test_the_calls_are_listed_once() -> None:
    assert len(CALLS) == len(set(CALLS)) > 130


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{m} {p}" for m, p in CALLS])
def test_there_is_a_route(method: str, path: str) -> None:
    assert (method, path) in TABLE


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{m} {p}" for m, p in CALLS])
async def test_it_is_not_an_unknown_path(shared: Site, method: str, path: str) -> None:
    """Asked without a token, every route but the public ones wants one: it is there."""
    url = shared.base + path.replace("{id}", "00000000-0000-4000-8000-000000000000")
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        assert answer.status in (200, 401)
        if answer.status == 401:
            assert (await answer.json())["code"] == "MissingAuthToken"
