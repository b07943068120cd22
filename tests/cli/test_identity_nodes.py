"""The directory's nodes, and moving, on the command line: with a real server behind it."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

from heliostat.testing.served_cloud import Served
from heliostat.testing.slapds import free_port


async def test_a_node_comes_everybody_moves_and_comes_back(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    assert "in the store" in (await run("node", "list")).err
    early = await run("migrate", "--to", "openldap", "-o", "json")
    assert early.error["code"] == "InvalidOperation", early.err
    added = await run("node", "add", "a", "--port", str(free_port()))
    assert added.code == 0, added.err
    listed = (await run("node", "list")).out.splitlines()
    assert listed[1].split()[0] == "a"
    assert (await run("node", "show", "a", "-o", "json")).json["joined"]
    planned = await run("migrate", "--to", "openldap", "--plan")
    assert "nothing was changed" in planned.out
    moved = await run("migrate", "--to", "openldap")
    assert moved.code == 0, moved.err
    assert moved.out.endswith("People and groups are in the openldap directory.\n")
    # one for another machine: its keys are in a file of the owner's, and only once
    bundle = tmp_path / "b.node"
    far = ("node", "add", "b", "--port", str(free_port()), "--bundle", str(bundle))
    assert (await run(*far, "--plan")).code == 0
    assert not bundle.exists()
    carried = await run(*far)
    assert f"helio directory-node {bundle}" in carried.err
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    assert "PRIVATE KEY" in bundle.read_text()
    taken = tmp_path / "taken.node"
    again = await run("node", "add", "b", "--bundle", str(taken), "-o", "json")
    assert again.error["code"] == "NameTaken"
    assert not taken.exists()
    # made anew, too, it is carried there; one of this machine has nothing to carry
    for argv in (("b",), ("a", "--bundle", str(taken))):
        refused = await run("node", "replace", *argv)
        assert (refused.code, "--bundle" in refused.err) == (2, True), refused.err
    assert not taken.exists()
    assert (await run("node", "replace", "b", "--bundle", str(taken))).code == 0
    assert taken.read_text() != bundle.read_text()
    told = (await run("node", "status")).out
    assert told.startswith("People and groups are in the openldap directory.\n")
    assert "does not answer" in told
    assert (await run("node", "remove", "a", "-o", "json")).error["code"] == "InvalidOperation"
    assert (await run("node", "remove", "b")).code == 0
    assert (await run("migrate", "--to", "embedded")).code == 0
    assert (await run("node", "remove", "a")).code == 0
    assert "in the embedded directory" in (await run("node", "status")).out
