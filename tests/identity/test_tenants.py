"""Tenants: domains of their own in one site, apart from each other, and what ends them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from heliostat.cloudstore.contract import Change, Delete, Document, Guard, Put, StoreUnavailable
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.identity.kinds import kinds_of
from heliostat.identity.realm import Realm
from heliostat.identity.tenant import TENANTS, find_tenant
from heliostat.identity.tenants import NewTenant
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest
from heliostat.testing.clock import VirtualClock
from heliostat.testing.signin import PASSWORD, SCOPE, IdentityKit, code_of, sign_in

ACME = "acme.example"


async def made(kit: IdentityKit, domain: str = ACME) -> tuple[NewTenant, Realm]:
    new = await kit.identity.tenants.create_tenant(domain)
    return new, await kit.identity.realms.get(domain)


async def enter(realm: Realm, username: str, password: str) -> TokenAnswer:
    return await realm.grants.answer(
        TokenRequest(
            grant_type="password",
            username=username,
            password=password,
            scope=SCOPE,
        )
    )


async def test_its_administrator_signs_in_and_administers_no_other(kit: IdentityKit) -> None:
    new, realm = await made(kit)
    answer = await enter(realm, new.administrator, new.password)
    header, claims = unverified(answer.access_token)
    assert claims["iss"] == f"https://site.test:9000/openidconnect/{ACME}"
    assert claims["tenant"] == ACME
    assert {each["kid"] for each in (await realm.keys.jwks())["keys"]} == {header["kid"]}
    principal = await kit.identity.verify(answer.access_token)
    assert principal.subject == f"administrator@{ACME}"
    assert principal.tenant == ACME
    assert f"{ACME}\\Administrators" in principal.groups
    assert not principal.is_system_admin


async def test_the_same_name_is_somebody_else_in_each_tenant(kit: IdentityKit) -> None:
    _, realm = await made(kit)
    await kit.identity.directory.create_user("alice", PASSWORD)
    await realm.directory.create_user("alice", PASSWORD + "!")
    assert await code_of(enter(realm, "alice", PASSWORD)) == "InvalidLoginCredentials"
    ours = await enter(realm, f"alice@{ACME}", PASSWORD + "!")
    assert (await kit.identity.verify(ours.access_token)).subject == f"alice@{ACME}"
    await realm.directory.delete_user("alice")
    assert (await kit.identity.directory.get_user("alice")).name == "alice"


async def test_keys_of_one_tenant_prove_nothing_in_another(kit: IdentityKit) -> None:
    new, realm = await made(kit)
    theirs = await enter(realm, new.administrator, new.password)
    refused = TokenRequest(grant_type="refresh_token", refresh_token=theirs.refresh_token)
    assert await code_of(kit.identity.grants.answer(refused)) == "InvalidGrant"


@pytest.mark.parametrize(
    "domain", ["", "-a", "a-.b", "a b", "a\\b", "a@b", "a/b", "ä.de", "a" * 64]
)
async def test_what_is_no_domain_is_refused(kit: IdentityKit, domain: str) -> None:
    assert await code_of(kit.identity.tenants.create_tenant(domain)) == "InvalidName"
    assert [each.system for each in await kit.identity.tenants.list_tenants()] == [True]


@pytest.mark.parametrize("domain", ["\ud800", "\udcff.example", "x" * 5000, "a\0b", "a/b"])
async def test_tokens_and_paths_may_name_anything(tmp_path: Path, domain: str) -> None:
    store = await SqliteStore.open(tmp_path / "store", VirtualClock())
    assert await find_tenant(store, domain) is None
    await store.close()


async def test_a_domain_is_one_tenants(kit: IdentityKit) -> None:
    await made(kit)
    tenants = kit.identity.tenants
    assert await code_of(tenants.create_tenant(ACME.upper())) == "TenantExists"
    assert await code_of(tenants.create_tenant(kit.identity.options.domain)) == "TenantExists"


async def test_a_plan_makes_nothing(kit: IdentityKit) -> None:
    planned = await kit.identity.tenants.create_tenant(ACME, plan=True)
    assert planned.tenant.domain == ACME
    assert not planned.password
    assert await kit.identity.realms.find(ACME) is None
    assert await TENANTS.all(kit.store) == []


async def test_deleting_one_ends_it_and_leaves_nothing(kit: IdentityKit) -> None:
    before = await _keys(kit)
    new, realm = await made(kit)
    for number in range(60):
        await realm.directory.create_group(f"g{number}")
    token = (await enter(realm, new.administrator, new.password)).access_token
    (session,) = await kinds_of(realm.options.tenant).tokens.sessions.all(kit.store)
    in_browser = msgspec.structs.replace(session.value, browser="b")
    changes = kinds_of(realm.options.tenant).tokens.sessions.put(in_browser, session.value)
    await kit.store.commit([], changes)
    await kit.identity.tenants.delete_tenant(ACME)
    assert await _keys(kit) == before
    assert await kit.identity.realms.find(ACME) is None
    await kit.clock.advance(31)
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"
    again = await kit.identity.tenants.create_tenant(ACME)
    assert again.password != new.password


async def test_a_deletion_that_was_cut_off_is_finished(kit: IdentityKit) -> None:
    before = await _keys(kit)
    new, realm = await made(kit)
    for number in range(60):
        await realm.directory.create_group(f"g{number}")
    for good in range(3):
        _cut(kit, after=good)
        assert await code_of(_delete_or_finish(kit)) == "StoreUnavailable"
        del kit.store.commit
        if good:
            assert await kit.identity.realms.find(ACME) is None
            assert await code_of(kit.identity.tenants.get_tenant(ACME)) == "TenantNotFound"
    await kit.identity.maintain()
    assert await _keys(kit) == before
    assert await code_of(enter(realm, new.administrator, new.password)) == "InvalidClient"


async def _delete_or_finish(kit: IdentityKit) -> None:
    if await kit.identity.realms.find(ACME) is not None:
        await kit.identity.tenants.delete_tenant(ACME)
    else:
        await kit.identity.tenants.finish_deletions()


def _cut(kit: IdentityKit, *, after: int) -> None:
    """Let ``after`` commits through, then none."""
    through, left = kit.store.commit, [after]

    async def commit(guards: list[Guard], changes: list[Change]) -> int:
        if not left[0]:
            raise StoreUnavailable("cut")
        left[0] -= 1
        return await through(guards, changes)

    kit.store.commit = commit  # type: ignore[assignment,method-assign]


async def test_the_site_itself_can_not_be_deleted(kit: IdentityKit) -> None:
    tenants = kit.identity.tenants
    assert await code_of(tenants.delete_tenant(kit.identity.options.domain)) == "InvalidOperation"
    assert await code_of(tenants.delete_tenant("nobody.example")) == "TenantNotFound"


async def test_a_store_from_before_tenants_goes_on(kit: IdentityKit) -> None:
    await kit.identity.directory.create_user("alice", PASSWORD)
    answer = await sign_in(kit)
    now = await _documents(kit)
    await _as_before_tenants(kit)
    assert await code_of(kit.identity.directory.get_user("alice")) == "UserNotFound"
    assert await kit.identity.start() is None
    assert {key: each.value for key, each in (await _documents(kit)).items()} == {
        key: each.value for key, each in now.items()
    }
    await kit.identity.verify(answer.access_token)
    assert (await kit.identity.directory.get_user("alice")).name == "alice"


async def test_what_has_a_newer_one_in_its_place_keeps_nothing_else_back(kit: IdentityKit) -> None:
    users = kit.identity.directory.kinds.users
    for name in ("alice", "bob"):
        await kit.identity.directory.create_user(name, PASSWORD)
    (alice,) = [each for each in await users.all(kit.store) if each.value.name == "alice"]
    await _as_before_tenants(kit)
    await kit.store.commit([], users.put(alice.value))
    await kit.identity.start()
    assert {each.value.name for each in await users.all(kit.store)} == {
        "administrator",
        "alice",
        "bob",
    }


async def _as_before_tenants(kit: IdentityKit) -> None:
    """Lay the system tenant's documents where they lay when there were no others."""
    for key, document in (await _documents(kit)).items():
        old = key.replace("/system/", "/")
        if old != key:
            await kit.store.commit([], [Put(old, document.value), Delete(key)])


async def _documents(kit: IdentityKit) -> dict[str, Document]:
    page = await kit.store.list("/v1/", limit=1000)
    assert page.after is None
    return {document.key: document for document in page.items}


async def _keys(kit: IdentityKit) -> set[str]:
    entries = {document.key for document in (await kit.store.list("/idx/", limit=1000)).items}
    return entries | set(await _documents(kit))
