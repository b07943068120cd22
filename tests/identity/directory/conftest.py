"""Every implementation of a directory, each with an administrator and nothing else in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.options import DirectoryOptions
from heliostat.testing.signin import OPTIONS, start_identity
from heliostat.testing.slapds import free_port

Implementation = Callable[[Path], AbstractAsyncContextManager[Directory]]


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Directory]:
    kit = await start_identity(folder / "authority")
    yield kit.identity.directory
    kit.identity.close()
    await kit.store.close()


@asynccontextmanager
async def openldap(folder: Path) -> AsyncIterator[Directory]:
    kept = DirectoryOptions(kind="openldap", port=free_port())
    kit = await start_identity(folder / "authority", replace(OPTIONS, directory=kept))
    assert await kit.identity.openldap.store.place() == "openldap"
    yield kit.identity.directory
    await kit.identity.stop()
    kit.identity.close()
    await kit.store.close()


IMPLEMENTATIONS: dict[str, Implementation] = {"embedded": embedded, "openldap": openldap}
"""Each opens an empty directory of the domain ``heliostat.local`` in a folder of its own."""


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
async def directory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Directory]:
    async with IMPLEMENTATIONS[request.param](tmp_path) as opened:
        yield opened
