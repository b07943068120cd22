"""Nobody is let in by an answer that never came: whatever ends the controller or its socket.

slapd takes a connection of its socket back end that ends without a word for success.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, run_async
from heliostat.identity.ldap_face.connection import Connection
from heliostat.testing.ldap_face import ADA, SUFFIX, Served, served
from heliostat.testing.signin import PASSWORD

CLIENTS = 8
CONTROLLER = """
import asyncio, sys
from pathlib import Path
from heliostat.identity.ldap_face.listener import Listener
from heliostat.server import event_loop
from heliostat.testing.ldap_face import served

async def main():
    async with served(Path(sys.argv[1])) as site:
        print(site.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async def never(raw):
            print("asked", flush=True)
            await asyncio.sleep(600)
            yield b""
        for listener in (site.face._refusing, site.face._listener):
            listener._answer = never
        print("silent", flush=True)
        await asyncio.sleep(600)

event_loop.run(main())
"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as made:
        yield made


async def test_a_bind_whose_connection_ends_is_refused(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await site.code("ldapwhoami") == 0
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "_begin", Connection.cut_off)
        assert await site.code("ldapwhoami") == 52
        assert await site.code("ldapwhoami", password="wrong") == 52
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "begin", Connection.cut_off)
        assert await site.code("ldapwhoami") == 52
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "_respond", _vanishing)
        assert await site.code("ldapwhoami") == 52
    assert await site.code("ldapwhoami") == 0


async def test_a_write_whose_connection_ends_is_not_acknowledged(
    site: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change = tmp_path / "change.ldif"
    change.write_text(f"dn: {ADA}\nchangetype: modify\nreplace: sn\nsn: Other\n")
    begun = Connection._begin

    def only_binds(self: Connection) -> None:
        if self._raw.startswith(b"BIND"):
            begun(self)
        else:
            self.cut_off()

    monkeypatch.setattr(Connection, "_begin", only_binds)
    boss = f"uid=boss,ou=people,{SUFFIX}"
    assert await site.code("ldapmodify", "-f", str(change), bind=boss) == 52
    assert await site.code("ldapdelete", ADA, bind=boss) == 52
    assert await site.code("ldapmodrdn", "-s", SUFFIX, ADA, "uid=ada", bind=boss) == 52
    assert await site.code("ldapcompare", ADA, "uid:ada") == 52
    assert await site.code("ldappasswd", "-a", PASSWORD, "-s", "a third long phrase") == 1
    monkeypatch.undo()
    assert (await site.kit.identity.directory.get_user("ada")).family_name == "Löve"


async def _vanishing(self: Connection, _raw: bytes) -> None:
    self._close()


async def test_a_search_that_is_cut_short_says_so(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliostat.identity.ldap_face.connection.ANSWER_S", 0.2)
    monkeypatch.setattr(site.face._listener, "_answer", _slow)
    assert await site.code("ldapsearch", "-b", SUFFIX, "(uid=ada)") == 11


async def _slow(_raw: bytes) -> AsyncIterator[bytes]:
    yield b"dn: dc=heliostat,dc=local\nobjectClass: domain\ndc: heliostat\n\n"
    await asyncio.Event().wait()


async def test_a_controller_that_is_killed_lets_nobody_in(tmp_path: Path) -> None:
    """With its own event loop, while binds wait for it, taken and not taken yet."""
    controller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CONTROLLER, str(tmp_path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert controller.stdin is not None
    assert controller.stdout is not None
    url = (await controller.stdout.readline()).decode().strip()
    assert await _bind(url) == 0
    who = ("-x", "-H", url, "-D", ADA, "-w", PASSWORD)
    found = await run_async(["ldapsearch", *who, "-b", SUFFIX, "(uid=ada)"], timeout_s=20)
    assert ADA in found.stdout
    controller.stdin.write(b"\n")
    assert (await controller.stdout.readline()).strip() == b"silent"
    waiting = [asyncio.create_task(_bind(url)) for _ in range(CLIENTS)]
    for _ in range(CLIENTS - 1):
        assert (await controller.stdout.readline()).strip() == b"asked"
    os.kill(controller.pid, signal.SIGKILL)
    await controller.wait()
    assert 0 not in await asyncio.gather(*waiting)


async def _bind(url: str) -> int:
    try:
        await run_async(["ldapwhoami", "-x", "-H", url, "-D", ADA, "-w", PASSWORD], timeout_s=20)
    except CommandFailed as error:
        return error.exit_code if error.exit_code is not None else -1
    return 0
