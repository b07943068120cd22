"""MIT's clients against the gate and the KDC behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from heliostat.identity.kerberos import der, messages
from heliostat.identity.kerberos.gate import Gate, Refusal
from heliostat.identity.kerberos.kdc import Kdc
from heliostat.identity.kerberos.told import Attempt
from heliostat.testing.kerberos import REALM, TYPED, KerberosSite, kerberos_site
from heliostat.testing.signin import code_of

NEW = "quite another staple"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[KerberosSite]:
    async with kerberos_site(tmp_path) as served:
        yield served


async def gate_of(site: KerberosSite) -> Gate:
    served, realm = await site.kit.identity.kerberos.served(REALM)
    return Gate(served.document, realm.kerberos, realm.directory, realm.services, served.database)


async def test_one_account_by_every_way(site: KerberosSite) -> None:
    kit, directory = site.kit, site.kit.identity.directory
    realm = await site.realm()
    made = await realm.services.create_service("HTTP/web.test")
    (site.folder / "web.keytab").write_bytes(made.keytab)

    # a ticket, one for a service, and the service's own with its keytab
    await site.kinit("ada", TYPED)
    assert f"ada@{REALM}" in await site.run("klist")
    assert "kvno = 1" in await site.run(
        "kvno", "-k", str(site.folder / "web.keytab"), "HTTP/web.test"
    )
    shown = await site.run("klist", "-e")
    assert "aes256-cts-hmac-sha384-192" in shown
    await site.run("kinit", "-k", "-t", str(site.folder / "web.keytab"), "HTTP/web.test")
    assert "Server not found" in await site.refusal("kvno", "HTTP/other.test")
    assert "not found" in await site.refusal("kvno", "ada")  # nobody gets tickets to guess at

    # who was there before the realm has keys once signed in
    assert "not found" in await site.refused("before", TYPED)
    await directory.authenticate("before", TYPED)
    await site.kinit("before", TYPED)
    assert "not found" in await site.refused("nobody", TYPED)
    assert "Cannot find KDC" in await site.refused("ada@OTHER.TEST", TYPED)

    # five wrong ones by two ways lock all of them; unlocking opens all
    for _ in range(2):
        assert "Password incorrect" in await site.refused("ada", "wrong")
    for _ in range(3):
        assert await code_of(directory.authenticate("ada", "wrong")) == "InvalidLoginCredentials"
    assert "revoked" in await site.refused("ada", TYPED)
    assert await code_of(directory.authenticate("ada", TYPED)) == "InvalidLoginCredentials"
    await kit.clock.advance(301)
    await site.kinit("ada", TYPED)
    for _ in range(5):
        await site.refused("ada", "wrong")
    assert await code_of(directory.authenticate("ada", TYPED)) == "InvalidLoginCredentials"
    await directory.unlock_user("ada")
    await site.kinit("ada", TYPED)

    # a new password counts from its commit on, an expired one not at all, nor a disabled person
    await directory.change_password("ada", TYPED, NEW)
    assert "Password incorrect" in await site.refused("ada", TYPED)
    await site.kinit("ada", NEW)
    await directory.set_password("ada", TYPED, must_change=True)
    assert "Password expired" in await site.refused("ada", TYPED)
    await directory.set_password("ada", TYPED)
    await site.kinit("ada", TYPED)
    await directory.set_disabled("ada", True)
    assert "revoked" in await site.refused("ada", TYPED)
    await directory.set_disabled("ada", False)
    await site.kinit("ada", TYPED)
    await directory.delete_user("ada")
    assert "not found" in await site.refused("ada", TYPED)


async def test_attempts_are_told_and_lives_are_the_policys(site: KerberosSite) -> None:
    heard: list[tuple[str, str, str]] = []

    async def hear(attempt: Attempt) -> None:
        heard.append((attempt.act.value, attempt.subject, attempt.code))
        assert attempt.address == "127.0.0.1"

    identity = site.kit.identity
    identity.kerberos.tell = hear
    await site.kinit("ada", TYPED)
    await site.refused("ada", "wrong")
    await site.refused("nobody", TYPED)
    await site.run("kpasswd", "ada", stdin=f"{TYPED}\n{NEW}\n{NEW}\n")
    ada, refused = "ada@heliostat.local", "InvalidLoginCredentials"
    assert heard == [
        ("signIn", ada, ""),
        ("signIn", ada, refused),
        ("signIn", "", refused),
        ("signIn", ada, ""),
        ("changeOwnPassword", ada, ""),
    ]
    for seconds in (86_400, 600):
        await identity.policies.change_policy("heliostat.local", {"lifetimes.ticket_s": seconds})
        await site.kinit("ada", NEW, "-l", "3d")
        context = await site.run("klist")
        begin, end = (
            datetime.strptime(f"{day} {at} +0000", "%m/%d/%y %H:%M:%S %z")
            for day, at in [
                line.split()[2 * which : 2 * which + 2]
                for line in context.splitlines()
                if "krbtgt" in line
                for which in (0, 1)
            ]
        )
        assert (end - begin).total_seconds() == seconds


async def test_tickets_that_are_out(site: KerberosSite) -> None:
    kit, directory = site.kit, site.kit.identity.directory
    for name in ("HTTP/web.test", "HTTP/again.test"):
        await (await site.realm()).services.create_service(name)
    await site.kinit("ada", TYPED)
    for _ in range(5):
        await site.refused("ada", "wrong")
    assert "revoked" in await site.refused("ada", TYPED)
    await site.run("kvno", "HTTP/web.test")  # who guesses keeps nobody from using a ticket
    await directory.set_disabled("ada", True)
    assert "revoked" in await site.refusal("kvno", "HTTP/again.test")
    await directory.set_disabled("ada", False)
    await kit.clock.advance(2)
    await directory.set_password("ada", NEW)
    assert "revoked" in await site.refusal("kvno", "HTTP/again.test")


async def test_an_armor_around_the_own_request(site: KerberosSite) -> None:
    await site.kinit("ada", TYPED)
    armor = f"FILE:{site.folder / 'tickets'}"
    await site.run("kinit", "-T", armor, "-c", str(site.folder / "other"), "ada", stdin=TYPED)
    for _ in range(5):
        said = await site.refusal("kinit", "-T", armor, "ada", stdin="wrong\n")
        assert "Password incorrect" in said
    assert "revoked" in await site.refused("ada", TYPED)


@pytest.mark.parametrize("other", ["eve", ""])
@pytest.mark.parametrize("kind", [messages.Kind.AS_ANSWER, messages.Kind.ERROR])
async def test_nobody_guesses_in_an_armor(
    site: KerberosSite, kind: messages.Kind, other: str
) -> None:
    """The KDC goes by who is named inside; what it says of another is never told."""

    class Believing:
        async def ask(self, _message: bytes) -> bytes:
            named = [(4 if kind is messages.Kind.AS_ANSWER else 8, messages.encoded_name(other))]
            return der.tagged(der.APPLICATION + kind, der.sequence(*(named if other else [])))

    gate = await gate_of(site)
    asked = messages.KdcRequest(
        messages.Kind.AS_REQUEST, REALM, "ada", f"krbtgt/{REALM}", True, armored=True
    )
    for _ in range(5):
        with pytest.raises(Refusal) as refused:
            await gate.answer(cast(Kdc, Believing()), b"", asked)
        assert refused.value.code is messages.ErrorCode.GENERIC
    assert "revoked" in await site.refused("ada", TYPED)


@pytest.mark.parametrize("right", [True, False])
async def test_guesses_in_parallel_are_told_nothing_after_the_lock(
    site: KerberosSite, right: bool
) -> None:
    directory = site.kit.identity.directory

    class WhileOthersGuess:
        async def ask(self, _message: bytes) -> bytes:
            for _ in range(5):
                assert await directory.password_failed("ada")
            wrong = messages.ErrorCode.PREAUTHENTICATION_FAILED
            answer = der.tagged(der.APPLICATION + messages.Kind.AS_ANSWER, der.sequence())
            return answer if right else messages.error(wrong, REALM, "krbtgt", 0)

    asked = messages.KdcRequest(
        messages.Kind.AS_REQUEST, REALM, "ada", f"krbtgt/{REALM}", has_preauthentication=True
    )
    with pytest.raises(Refusal) as refused:
        await (await gate_of(site)).answer(cast(Kdc, WhileOthersGuess()), b"", asked)
    told = (refused.value.code, refused.value.told)
    assert told == (messages.ErrorCode.CLIENT_REVOKED, "disabled or locked")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_kpasswd_changes_every_way(site: KerberosSite, transport: str) -> None:
    directory = site.kit.identity.directory
    more = {"udp_preference_limit": "1"} if transport == "tcp" else {}

    async def kpasswd(old: str, new: str) -> str:
        return await site.refusal("kpasswd", "ada", stdin=f"{old}\n{new}\n{new}\n", **more)

    assert "characters; at least 8 are needed" in await kpasswd(TYPED, "short")
    assert "used before" in await kpasswd(TYPED, TYPED)
    assert "Preauthentication failed" in await kpasswd("wrong", NEW)
    done = await site.run("kpasswd", "ada", stdin=f"{TYPED}\n{NEW}\n{NEW}\n", **more)
    assert "Password changed" in done
    await directory.authenticate("ada", NEW)
    await site.kinit("ada", NEW)
    assert "Password incorrect" in await site.refused("ada", TYPED)
    assert await code_of(directory.authenticate("ada", TYPED)) == "InvalidLoginCredentials"

    # one that has to be changed is, by kinit itself
    await directory.set_password("ada", TYPED, must_change=True)
    last = "lamp post of an evening"
    done = await site.run("kinit", "ada", stdin=f"{TYPED}\n{last}\n{last}\n", **more)
    assert "Password expired" in done
    assert (await directory.authenticate("ada", last)).key == "ada"
