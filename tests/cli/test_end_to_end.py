"""``helio`` against the real API over TCP, with a real task engine and agents that pretend.

The main job by hand, as the tutorial tells it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from heliostat.cli.main import run
from heliostat.controller.api.app import make_app
from heliostat.controller.api.ports import ApiSettings, AuthEndpoint
from heliostat.identity.directories import Directories
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.testing.agents import CannedAgents
from heliostat.testing.cloud import SmallCloud
from heliostat.testing.signed_in import TokenIdentity


async def tick(cloud: SmallCloud) -> None:
    """Let virtual time pass while commands wait in real time; nobody else may move it."""
    while True:
        await cloud.clock.advance(0.1)
        await asyncio.sleep(0.005)


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallCloud]:
    options = IdentityOptions(hashing=HashCost(memory_kib=64, passes=1))
    async with SmallCloud(tmp_path) as cloud:
        ports = cloud.ports
        directories = Directories(ports.store, ports.clock, ports.ids, options)
        agents = CannedAgents(ports.clock.now_ms())
        settings = ApiSettings(auth=AuthEndpoint("auth.example", 443, "heliostat.local"))
        runner = web.AppRunner(make_app(ports, TokenIdentity(), directories, agents, settings))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        monkeypatch.setenv("HELIO_TARGET", f"http://127.0.0.1:{runner.addresses[0][1]}")
        monkeypatch.setenv("HELIO_TOKEN", "admin")
        await cloud.add_host()
        ticking = asyncio.create_task(tick(cloud))
        yield cloud
        ticking.cancel()
        await runner.cleanup()
        directories.close()


async def test_the_main_job_by_hand(cloud: SmallCloud, capsys: Any, tmp_path: Path) -> None:
    async def helio(*argv: str, code: int = 0) -> str:
        capsys.readouterr()
        ended = await asyncio.wait_for(asyncio.to_thread(run, argv), 30)
        shown = capsys.readouterr()
        assert ended == code, shown.err
        return str(shown.out)

    (tmp_path / "disk.raw").write_bytes(b"content")
    await helio("tenant", "create", "acme", "--limits", "vm.cpu 4 COUNT, vm.memory 8 GB")
    await helio("project", "create", "web", "--tenant", "acme", "--percent", "50")
    await helio("project", "use", "web", "--tenant", "acme")
    await helio("image", "upload", str(tmp_path / "disk.raw"), "--name", "base")
    assert "READY" in await helio("image", "list")
    create = ("vm", "create", "web1", "--flavor", "small", "--image", "base")
    assert "nothing was changed" in await helio(*create, "--plan")
    assert (await helio("vm", "list")) == ""
    await helio(*create, "--boot-flavor", "ephemeral")
    await helio("vm", "start", "web1")
    assert "STARTED" in await helio("vm", "list")
    await helio("disk", "create", "data", "--size", "1", "--flavor", "persistent", "--near", "web1")
    await helio("vm", "attach-disk", "web1", "data")
    assert "ATTACHED" in await helio("disk", "show", "data")
    used = await helio("quota", "show")
    assert any(line.split()[:3] == ["vm.cpu", "1", "2"] for line in used.splitlines())
    await helio("vm", "create", "web2", "--flavor", "large", "--image", "base", code=1)
    await helio("vm", "delete", "web1", code=1)
    await helio("vm", "stop", "web1")
    await helio("vm", "detach-disk", "web1", "data")
    await helio("vm", "delete", "web1")
    await helio("disk", "delete", "data", "--now")
    tasks = await helio("task", "list", "--project", "web")
    created = next(line for line in tasks.splitlines() if "CREATE_VM" in line)
    assert "RESERVE_RESOURCE" in await helio("task", "explain", created.split()[0])
    await helio("project", "delete", "web")
    await helio("tenant", "delete", "acme")
    assert "COMPLETED" in await helio("task", "show", created.split()[0])


async def test_every_list_and_record_of_the_site(cloud: SmallCloud, capsys: Any) -> None:
    for argv in (
        ("flavor", "list"),
        ("host", "list"),
        ("task", "list"),
        ("user", "list"),
        ("group", "list"),
        ("service-account", "list"),
        ("system", "info"),
        ("system", "status"),
        ("system", "usage"),
        ("system", "vms"),
        ("whoami",),
        ("version",),
    ):
        for form in ((), ("-o", "json"), ("-q",)):
            assert await asyncio.to_thread(run, [*argv, *form]) == 0, (argv, capsys.readouterr())
