"""What Kerberos does when parts of it die, and with what others have forged or kept for later."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.identity.site import Identity
from heliostat.testing.faulty import MortalStore
from heliostat.testing.kerberos import TYPED, KerberosSite, kerberos_site
from heliostat.testing.signin import code_of

NEW = "quite another staple"
ACME = "acme.example"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KerberosSite]:
    async with kerberos_site(tmp_path) as served:
        yield served


def another(site: KerberosSite, name: str, store: object = None) -> Identity:
    """Another controller of the same site, perhaps with its own view of the store."""
    folder = site.folder / name / "authority"
    shutil.copytree(site.folder / "authority", folder)
    kit = site.kit if store is None else replace(site.kit, store=store)  # type: ignore[arg-type]
    return kit.restarted(folder)


@pytest.mark.parametrize("applied", [False, True])
async def test_killed_at_every_commit_a_password_is_old_or_new_everywhere(
    site: KerberosSite, applied: bool
) -> None:
    directory = site.kit.identity.directory
    for dies_at in range(1, 20):
        name = f"user{dies_at}"
        await directory.create_user(name, TYPED)
        await code_of(directory.authenticate(name, "wrong"))  # so that there is a count to forget
        mortal = MortalStore(site.kit.store, dies_at=dies_at, applied=applied)
        dying = another(site, name, mortal)
        change = asyncio.ensure_future(dying.directory.change_password(name, TYPED, NEW))
        died = asyncio.ensure_future(mortal.died.wait())
        await asyncio.wait([change, died], return_when=asyncio.FIRST_COMPLETED)
        through = change.done()
        for task in (change, died):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        dying.close()

        token = await code_of(directory.authenticate(name, NEW))
        right, wrong = (TYPED, NEW) if token else (NEW, TYPED)
        await directory.authenticate(name, right)
        await site.kinit(name, right)
        assert "Password incorrect" in await site.refused(name, wrong)
        if through:
            assert right == NEW
            assert dies_at > 1
            return
    raise AssertionError("it never got through")


async def test_a_second_kdc_goes_on_and_a_killed_one_is_begun_again(site: KerberosSite) -> None:
    identity = site.kit.identity
    await site.kinit("ada", TYPED)
    os.kill(identity.kerberos.kdc.process.pid, signal.SIGKILL)
    await identity.kerberos.kdc.process.wait()
    await site.kinit("ada", TYPED)

    second = another(site, "second")
    try:
        site.other_port = (await second.kerberos.listen("127.0.0.1", 0)).port
        await second.kerberos.refresh()
        await identity.kerberos.close()
        await site.kinit("ada", TYPED)
        # a ticket of the one is good at the other: they seal with the same keys
        await (await site.realm()).services.create_service("HTTP/web.test")
        await site.run("kvno", "HTTP/web.test")
    finally:
        await second.kerberos.close()
        second.close()


async def test_realms_are_apart_and_end(site: KerberosSite) -> None:
    identity = site.kit.identity
    await identity.tenants.create_tenant(ACME)
    acme = await identity.realms.get(ACME)
    await acme.kerberos.enable()
    own = identity.acceptor.services[0]
    known = (await acme.services.create_service(own)).keytab  # before the controller has it
    await acme.directory.create_user("ada", NEW)
    await site.kit.clock.advance(2)
    site.environment()
    config = (site.folder / "client.conf").read_text()
    both = config + f"  ACME.EXAMPLE = {{\n    kdc = 127.0.0.1:{site.port}\n  }}\n"
    await asyncio.to_thread((site.folder / "both.conf").write_text, both)
    env = [f"KRB5_CONFIG={site.folder / 'both.conf'}"]
    await site.run("env", *env, "kinit", "ada@ACME.EXAMPLE", stdin=f"{NEW}\n")
    refused = await site.refusal("env", *env, "kinit", "ada@ACME.EXAMPLE", stdin=f"{TYPED}\n")
    assert "Password incorrect" in refused
    await site.kinit("ada", TYPED)
    assert await acme.services.own_keys(own)
    assert not any(
        key in known for _, keys in await acme.services.own_keys(own) for key in keys.values()
    )
    for attempt in (acme.services.rotate_service(own), acme.services.delete_service(own)):
        assert await code_of(attempt) == "InvalidOperation"
    assert await code_of(acme.services.create_service(own)) == "NameTaken"

    # a realm that ends takes its tickets and services along; the other goes on
    await acme.services.create_service("HTTP/shop.test")
    await acme.kerberos.disable()
    gone = await site.refusal("env", *env, "kinit", "ada@ACME.EXAMPLE", stdin=f"{NEW}\n")
    assert "Realm not local" in gone or "not found" in gone or "Cannot" in gone
    await site.kinit("ada", TYPED)
    await site.kit.clock.advance(2)
    await identity.kerberos.refresh()
    assert [each.parent.name for each in site.folder.glob("kerberos/*/stash")] == ["system"]
    await acme.kerberos.enable()
    assert await acme.services.list_services() == []
    await site.kit.clock.advance(2)
    await site.run("env", *env, "kinit", "ada@ACME.EXAMPLE", stdin=f"{NEW}\n")


async def test_clocks_that_differ_and_rubbish(site: KerberosSite) -> None:
    changing = ("kpasswd", "ada")
    await site.kit.clock.advance(600)  # the controller's; clients have the machine's
    told = await site.refusal(*changing, stdin=f"{TYPED}\n{NEW}\n{NEW}\n")
    assert "clocks differ" in told or "Generic error" in told, told
    await site.kit.identity.directory.authenticate("ada", TYPED)

    identity = site.kit.identity
    for answer in (identity.kerberos.answer, identity.password_port.answer):
        for raw in (b"", b"\x6a", b"\x6a\x84\xff\xff\xff\xff", b"\x6a\x02\x30\x00", os.urandom(200),
                    b"\x6a\x80" * 50, b"\x00\x06\x00\x01\x00\x00", b"\x30" * 70_000):  # fmt: skip
            assert await answer(raw, "127.0.0.1") is None
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"\xff\xff\xff\xff")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
