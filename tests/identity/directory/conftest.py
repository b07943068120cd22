"""Every implementation of a directory, each with an administrator and nothing else in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.contract.reading import ReadableDirectory
from heliostat.identity.options import DirectoryOptions
from heliostat.testing.readable import LDIF, fill
from heliostat.testing.signin import OPTIONS, start_identity
from heliostat.testing.slapds import free_port
from heliostat.testing.small_slapd import BASE, MANAGER, MANAGER_PASSWORD, running

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


@asynccontextmanager
async def external(folder: Path) -> AsyncIterator[ReadableDirectory]:
    """A directory elsewhere, as a source; nothing can be written to it."""
    with running(folder / "slapd", LDIF) as slapd:
        kit = await start_identity(folder / "authority")
        realm = await kit.identity.realms.get("heliostat.local")
        fields: dict[str, Any] = {
            "urls": [slapd.tls_url],
            "roots_pem": slapd.roots_pem,
            "people_base": BASE,
            "bind_dn": MANAGER,
            "bind_password": MANAGER_PASSWORD,
        }
        await realm.sources.create_source("corp.example", {**fields, "aliases": ["CORP"]})
        yield await realm.sources.directory("CORP")
        kit.identity.close()
        await kit.store.close()


IMPLEMENTATIONS: dict[str, Implementation] = {"embedded": embedded, "openldap": openldap}
"""Each opens an empty directory of the domain ``heliostat.local`` in a folder of its own."""


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
async def directory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Directory]:
    async with IMPLEMENTATIONS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture(params=[*sorted(IMPLEMENTATIONS), "external"])
async def readable(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[ReadableDirectory]:
    """Every directory that can be read, with what ``readable`` says in it."""
    if request.param == "external":
        async with external(tmp_path) as elsewhere:
            yield elsewhere
        return
    async with IMPLEMENTATIONS[request.param](tmp_path) as opened:
        await fill(opened)
        yield opened
