"""Signing keys: rotation, publication, several controllers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from heliostat.identity.clients.named import HELIO
from heliostat.identity.kinds import kinds_of
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.token_messages import TokenRequest
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    IdentityKit,
    code_of,
    refresh,
    sign_in,
    start_identity,
)

pytestmark = pytest.mark.usefixtures("rotating")


async def test_keys_rotate_and_older_tokens_still_verify(kit: IdentityKit) -> None:
    old = await sign_in(kit, HELIO)
    key = await kit.identity.keys.rotate(Algorithm.ES256)
    new = await sign_in(kit, HELIO)
    assert unverified(new.access_token)[0]["kid"] == key.kid
    kids = {each["kid"] for each in (await kit.identity.keys.jwks())["keys"]}
    assert {unverified(old.access_token)[0]["kid"], key.kid} == kids
    await kit.identity.verify(old.access_token)
    await refresh(kit, old.refresh_token, HELIO)


async def test_old_keys_are_replaced_and_dropped_once_nothing_needs_them(
    kit: IdentityKit,
) -> None:
    token = (await sign_in(kit, HELIO)).access_token
    await kit.clock.advance(31 * 86_400)
    await kit.identity.maintain()
    first, second = sorted(
        (each.value for each in await KINDS.tokens.signing_keys.all(kit.store)),
        key=lambda key: key.created_ms,
    )
    assert first.retired_ms
    assert not second.retired_ms
    await kit.clock.advance(9 * 3600)
    await kit.identity.maintain()
    assert [each.value.kid for each in await KINDS.tokens.signing_keys.all(kit.store)] == [
        second.kid
    ]
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_the_public_keys_hold_nothing_private(kit: IdentityKit) -> None:
    await sign_in(kit)
    await sign_in(kit, HELIO)
    keys = (await kit.identity.keys.jwks())["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    for key in keys:
        assert {"kty", "kid", "use", "alg"} <= key.keys()
        assert key.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})


async def test_private_halves_lie_sealed_those_of_before_from_the_next_start_on(
    kit: IdentityKit, tmp_path: Path
) -> None:
    await kit.identity.tenants.create_tenant("acme.example")
    realm = await kit.identity.realms.get("acme.example")
    token = (await sign_in(kit, HELIO)).access_token
    await realm.keys.signer(Algorithm.ES256)
    for keys in (KINDS.tokens.signing_keys, kinds_of(realm.options.tenant).tokens.signing_keys):
        (stored,) = await keys.all(kit.store)
        key = await kit.identity.keys.find(stored.value.kid) or await realm.keys.find(
            stored.value.kid
        )
        assert key is not None
        assert "PRIVATE KEY" not in str(stored.value)
        clear = key.jwk.as_pem(private=True).decode()
        before = msgspec.structs.replace(stored.value, private_pem=clear, sealed="", schema=1)
        await kit.store.commit([], keys.put(before, stored.value))
    other = kit.restarted(tmp_path / "authority")
    await other.start()
    await other.verify(token)
    documents = (await kit.store.list("/v1/")).items
    assert not [each.key for each in documents if b"PRIVATE KEY" in each.value]
    other.sealing.renew()
    await other.maintain()  # under the new sealing key
    for each in await KINDS.tokens.signing_keys.all(kit.store):
        assert other.sealing.is_current(each.value.sealed)
    other.close()


async def test_another_controller_verifies_and_refreshes(kit: IdentityKit, tmp_path: Path) -> None:
    other = kit.restarted(tmp_path / "authority")
    assert await other.start() is None
    await other.keys.jwks()
    first = await sign_in(kit, HELIO)
    assert (await other.verify(first.access_token)).is_system_admin
    request = TokenRequest(
        grant_type="refresh_token", refresh_token=first.refresh_token, client_id=HELIO
    )
    await other.grants.answer(request)
    other.close()


async def test_tokens_of_another_site_are_worth_nothing(kit: IdentityKit, tmp_path: Path) -> None:
    foreign = await start_identity(tmp_path / "other", replace(OPTIONS, domain="other.site"))
    token = (await sign_in(foreign, username="administrator@other.site")).access_token
    foreign.identity.close()
    await foreign.store.close()
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_many_who_need_the_first_key_make_one(kit: IdentityKit) -> None:
    keys = kit.identity.keys
    made = await asyncio.gather(*(keys.signer(Algorithm.ES256) for _ in range(40)))
    assert len({key.kid for key in made}) == 1
    assert len(await KINDS.tokens.signing_keys.all(kit.store)) == 1


async def test_what_another_controller_signs_with_is_published_at_once(
    kit: IdentityKit, tmp_path: Path
) -> None:
    await sign_in(kit, HELIO)
    await kit.identity.keys.jwks()
    other = kit.restarted(tmp_path / "authority")
    newest = await other.keys.rotate(Algorithm.ES256)
    assert newest.kid in {each["kid"] for each in (await kit.identity.keys.jwks())["keys"]}
    other.close()
