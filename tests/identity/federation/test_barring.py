"""A provider that is disabled or deleted takes along what came through it, unless told not to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from heliostat.controller.api import identity_providers
from heliostat.controller.api.call import Call
from heliostat.identity.factors.records import Factor, FactorKind, factors_of
from heliostat.identity.federation.barring import LATE_MS, barred
from heliostat.identity.federation.records import (
    FederationKinds,
    Link,
    OidcSettings,
    Provider,
    ProviderKind,
)
from heliostat.identity.kinds import kinds_of
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.tokens.client_authentication import ClientFields
from heliostat.identity.tokens.records import Code, Consent, DeviceRequest, DeviceState, TokenKinds
from heliostat.testing.signin import PASSWORD, IdentityKit
from heliostat.wire.directory_tenants import TENANT
from heliostat.wire.identity_providers import IdentityProviderChange

KINDS = TokenKinds.of(SYSTEM_TENANT)
CORP = Provider(
    id="p1",
    name="corp",
    kind=ProviderKind.OIDC,
    title="Corp",
    created_ms=1,
    oidc=OidcSettings(issuer="https://corp.example", client_id="us"),
)
ELSEWHERE, HERE = ("fed",), ("pwd",)
DISABLED = {"disabled": True}


async def furnished(kit: IdentityKit) -> None:
    """Eve of the provider, and ada of ours, in browsers, programs and half-way."""
    realm = kit.identity.realms.system
    await realm.providers.create("corp", lambda id_, now_ms: msgspec.structs.replace(CORP, id=id_))
    for name, linked in (("eve", True), ("ada", False)):
        made = await kit.identity.directory.create_user(name, PASSWORD)
        if linked:
            link = Link(
                id="l1", provider="corp", issuer="i", subject="s", user=name,
                made_ms=made.created_ms, created_ms=1,
            )  # fmt: skip
            await kit.store.commit([], FederationKinds.of(SYSTEM_TENANT).links.put(link))
    for name, proofs in (("eve", ELSEWHERE), ("eve", HERE), ("ada", ELSEWHERE)):
        await signed_in(kit, name, proofs)


async def signed_in(kit: IdentityKit, name: str, proofs: tuple[str, ...]) -> None:
    realm, now_ms = kit.identity.realms.system, kit.clock.now_ms()
    person = await realm.people.person(name)
    client = await realm.clients.client(ClientFields(client_id="helio"))
    assert person is not None
    await realm.browsers.open(person, "", proofs)
    begun = realm.sessions.begun(person, client, "openid", now_ms)
    begun = msgspec.structs.replace(begun, proofs=proofs, signed_in_ms=now_ms)
    mark = f"{name}-{proofs[0]}"
    code = Code(
        id=f"code-{mark}", client="helio", redirect_uri="", scope="openid", challenge="",
        nonce="", user=name, stamp=person.stamp, signed_in_ms=now_ms, browser="",
        expires_ms=now_ms + 60_000, proofs=proofs,
    )  # fmt: skip
    device = DeviceRequest(
        id=f"device-{mark}", user_code=mark, client="helio", client_made_ms=0, scope="openid",
        address="", asked_ms=now_ms, interval_s=5, expires_ms=now_ms + 60_000,
        state=DeviceState.ALLOWED, user=name, stamp=person.stamp, signed_in_ms=now_ms,
        proofs=proofs,
    )  # fmt: skip
    changes = [*KINDS.sessions.put(begun), *KINDS.codes.put(code), *KINDS.devices.put(device)]
    await kit.store.commit([], changes)


async def left(kit: IdentityKit) -> list[str]:
    """Who is signed in, or about to be, and how."""
    found = []
    for kind in (KINDS.browsers, KINDS.sessions, KINDS.codes, KINDS.devices):
        for each in await kind.all(kit.store):
            found.append(f"{each.value.user} {each.value.proofs[0]}")
    return sorted(found)


ALL = sorted(4 * ["ada fed", "eve fed", "eve pwd"])
STAY = sorted(4 * ["ada fed", "eve pwd"])


@pytest.mark.parametrize(("keep", "stay"), [(None, STAY), (True, ALL)])
async def test_disabling_ends_what_came_through_it(
    kit: IdentityKit, keep: bool | None, stay: list[str]
) -> None:
    await furnished(kit)
    providers = kit.identity.realms.system.administered_providers
    await providers.update_provider("corp", {"title": "Corp & Co"})
    await providers.update_provider("corp", DISABLED, keep_sessions=keep, plan=True)
    assert await left(kit) == ALL
    await providers.update_provider("corp", DISABLED, keep_sessions=keep)
    assert await left(kit) == stay
    await kit.identity.realms.system.maintain()
    await providers.update_provider("corp", {"title": "Corp"})
    assert await left(kit) == stay


async def test_sessions_that_were_kept_may_be_ended_after_all(kit: IdentityKit) -> None:
    await furnished(kit)
    services = SimpleNamespace(directories=kit.identity.directories)
    told = {"params": {TENANT: "heliostat.local"}, "id": "corp", "base": "", "services": services}
    for query, stay in (({"keepSessions": True}, ALL), ({}, ALL), ({"keepSessions": False}, STAY)):
        body = IdentityProviderChange(disabled=True)
        call = cast(Call, SimpleNamespace(**told, query=query, body=body))
        await identity_providers._update(call, plan=False)
        assert await left(kit) == stay


@pytest.mark.parametrize(("keep", "stay"), [(False, STAY), (True, ALL)])
async def test_so_does_deleting_it(kit: IdentityKit, keep: bool, stay: list[str]) -> None:
    await furnished(kit)
    providers = kit.identity.realms.system.administered_providers
    await providers.delete_provider("corp", keep_sessions=keep, plan=True)
    assert (await providers.get_provider("corp")).provider.disabled is False
    await providers.delete_provider("corp", keep_sessions=keep)
    assert await left(kit) == stay


async def test_who_was_killed_before_ending_leaves_it_to_the_upkeep(kit: IdentityKit) -> None:
    await furnished(kit)
    kept = FederationKinds.of(SYSTEM_TENANT).providers
    stored = await kept.get(kit.store, "corp")
    assert stored is not None
    after = msgspec.structs.replace(stored.value, disabled=True)
    half = barred(stored.value, after, kit.clock.now_ms(), None)
    await kit.store.commit([], kept.put(half, stored.value))
    await kit.identity.realms.system.maintain()
    assert await left(kit) == STAY


async def test_who_comes_back_another_way_stays(kit: IdentityKit) -> None:
    """Eve may be linked with another provider, too."""
    await furnished(kit)
    realm = kit.identity.realms.system
    await realm.administered_providers.update_provider("corp", DISABLED)
    await kit.clock.advance(LATE_MS / 1000 + 1)
    await signed_in(kit, "eve", ELSEWHERE)
    await realm.maintain()
    assert "eve fed" in await left(kit)


@pytest.mark.parametrize(
    ("before", "after", "keep", "since_ms", "kept"),
    [
        ({}, {"disabled": True}, None, 500, False),
        ({}, {"disabled": True}, True, 500, True),
        ({"disabled": True, "disabled_ms": 7}, {"disabled": True}, None, 7, False),
        ({"disabled": True, "disabled_ms": 7, "keeps_sessions": True}, {}, None, 7, True),
        ({"disabled": True, "disabled_ms": 7, "keeps_sessions": True}, {}, False, 7, False),
        ({"disabled": True, "disabled_ms": 7}, {"disabled": False}, None, 0, False),
        ({"disabled": True}, {}, None, 500, False),  # of before it was written down
    ],
)
def test_since_when_and_whether_sessions_go_on(
    before: dict[str, object],
    after: dict[str, object],
    keep: bool | None,
    since_ms: int,
    kept: bool,
) -> None:
    was = msgspec.structs.replace(CORP, **before)
    now = barred(was, msgspec.structs.replace(was, **after), 500, keep)
    assert (now.disabled_ms, now.keeps_sessions) == (since_ms, kept)


@pytest.mark.parametrize("with_provider", [True, False])
async def test_a_person_who_is_gone_leaves_nothing(kit: IdentityKit, with_provider: bool) -> None:
    await furnished(kit)
    realm = kit.identity.realms.system
    for number in range(50):
        given = Consent(
            id=f"c{number}", user="eve", client=f"app{number}", client_made_ms=0,
            scopes=("openid",), given_ms=1,
        )  # fmt: skip
        passkey = Factor(
            id=f"f{number}", user="eve", kind=FactorKind.PASSKEY, name="key", created_ms=1
        )
        changes = KINDS.consents.put(given)
        if number < 2:
            changes += factors_of(SYSTEM_TENANT).put(passkey)
        await kit.store.commit([], changes)
    with pytest.raises(Exception, match="SecondFactorWrong"):
        await realm.factors.show_code("eve", "000000")
    if with_provider:
        await realm.administered_providers.delete_provider("corp", with_people=True)
    else:
        await kit.identity.directory.delete_user("eve")
    await kit.clock.advance(61)  # codes end by themselves, and open nothing
    await realm.maintain()
    for kind in kinds_of(SYSTEM_TENANT).all:
        for stored in await kind.all(kit.store):
            assert "eve" not in msgspec.json.encode(stored.value).decode(), kind
