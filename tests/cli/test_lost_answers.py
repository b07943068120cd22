"""A lost answer doubles nothing: the command asks again with the same key."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from heliostat.cli.main import run
from heliostat.controller.workflows import reading
from heliostat.testing.lossy_proxy import lossy_proxy
from heliostat.testing.served_cloud import Served

CREATIONS = [
    ("tenant", "create", "acme"),
    ("flavor", "create", "wee", "--kind", "vm", "--cost", "vm.cpu 1 COUNT, vm.memory 1 GB"),
    ("user", "create", "ann", "--password-stdin"),
    ("group", "create", "team"),
    ("service-account", "create", "robot", "--key-file", "robot.json"),
    ("host", "create", "10.0.0.7"),
]


async def _run(*argv: str) -> int:
    return await asyncio.wait_for(asyncio.to_thread(run, argv), 60)


@pytest.mark.parametrize("argv", CREATIONS, ids=lambda argv: argv[0])
async def test_made_once(
    argv: tuple[str, ...], served: Served, monkeypatch: Any, tmp_path: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough phrase\n"))
    async with lossy_proxy(served.url) as proxy:
        monkeypatch.setenv("HELIO_TARGET", proxy.url)
        code = await _run(*argv)
        shown = capsys.readouterr()
        assert code == 0, shown.err
        lost = [each for each in proxy.requests if each.startswith("POST")]
        assert len(lost) >= 2
        assert lost[0] == lost[1]
        assert proxy.losses == 0


async def test_a_secret_that_was_lost_is_not_taken_for_an_empty_one(
    served: Served, monkeypatch: Any, tmp_path: Any, capsys: Any
) -> None:
    keytab, bundle = tmp_path / "web.keytab", tmp_path / "far.node"
    service = ("identity", "service-principal")
    assert await _run("identity", "kerberos", "enable") == 0, capsys.readouterr().err
    made = (*service, "create", "HTTP/web.example", "--keytab", str(keytab))
    assert await _run(*made) == 0, capsys.readouterr().err
    before = keytab.read_bytes()
    capsys.readouterr()
    rotate = (*service, "rotate", "HTTP/web.example", "--keytab", str(keytab))
    node = ("identity", "node", "add", "far", "--host", "far.example", "--bundle", str(bundle))
    tenant = ("identity", "tenant", "create", "acme.example")
    for argv in (rotate, node, tenant):
        async with lossy_proxy(served.url) as proxy:
            monkeypatch.setenv("HELIO_TARGET", proxy.url)
            assert await _run(*argv, "-o", "json") != 0
            told = json.loads(capsys.readouterr().err)
            assert (told["code"], proxy.losses) == ("SecretToldBefore", 0)
            assert "Give it another secret: `helio " in told["hint"]
    assert keytab.read_bytes() == before
    assert not bundle.exists()
    # what the hint says
    monkeypatch.setenv("HELIO_TARGET", served.url)
    assert await _run(*rotate) == 0, capsys.readouterr().err
    assert keytab.read_bytes() != before


async def test_a_disk_and_its_quota(served: Served, monkeypatch: Any, capsys: Any) -> None:
    cloud = served.cloud
    for argv in (
        ("tenant", "create", "acme"),
        ("project", "create", "web", "--tenant", "acme"),
        ("project", "use", "web", "--tenant", "acme"),
    ):
        assert await _run(*argv) == 0, capsys.readouterr().err
    (found,) = await reading.tenants(cloud.store, name="acme")
    (web,) = await reading.projects(cloud.store, found.id)
    async with lossy_proxy(served.url) as proxy:
        monkeypatch.setenv("HELIO_TARGET", proxy.url)
        create = ("disk", "create", "data", "--size", "1", "--flavor", "persistent")
        assert await _run(*create, "--project", web.id) == 0, capsys.readouterr().err
        assert proxy.losses == 0
    assert len(await reading.disks(cloud.store, web.id)) == 1
    await cloud.check()
