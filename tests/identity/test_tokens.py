"""Tokens from grant to principal: claims, refusals, rotation, sessions."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.errors import HeliostatError
from heliostat.identity.clients import HELIO, NAMELESS
from heliostat.identity.grants import TokenAnswer, TokenRequest
from heliostat.identity.keys import SigningKeys
from heliostat.identity.opened import unverified
from heliostat.identity.records import SESSIONS, SIGNING_KEYS, Algorithm
from heliostat.identity.tokens import sign
from heliostat.identity.verify import Verifier
from heliostat.testing.clock import VirtualClock
from heliostat.testing.signin import OPTIONS, OTHER_PASSWORD, PASSWORD, IdentityKit, start_identity

SCOPE = "openid offline_access rs_esxcloud at_groups"
DOMAIN = "heliostat.local"


async def ask(kit: IdentityKit, **fields: str) -> TokenAnswer:
    return await kit.identity.grants.answer(TokenRequest(**fields))


async def sign_in(kit: IdentityKit, client: str = "", **fields: str) -> TokenAnswer:
    asked = {
        "grant_type": "password",
        "username": f"administrator@{DOMAIN}",
        "password": kit.admin_password,
        "scope": SCOPE,
        "client_id": client,
        **fields,
    }
    return await ask(kit, **asked)


async def refresh(kit: IdentityKit, token: str, client: str = "", scope: str = "") -> TokenAnswer:
    return await ask(
        kit, grant_type="refresh_token", refresh_token=token, client_id=client, scope=scope
    )


async def code_of(attempt: Any) -> str:
    with pytest.raises(HeliostatError) as caught:
        await attempt
    return caught.value.code


async def test_claims_of_the_existing_command_lines_sign_in(kit: IdentityKit) -> None:
    answer = await sign_in(kit)
    now_s = kit.clock.now_ms() // 1000
    header, claims = unverified(answer.access_token)
    assert header["alg"] == "RS256"
    assert header["kid"] in {key["kid"] for key in (await kit.identity.keys.jwks())["keys"]}
    jti = claims.pop("jti")
    sid = claims.pop("sid")
    assert claims == {
        "iss": f"https://site.test:9000/openidconnect/{DOMAIN}",
        "sub": f"administrator@{DOMAIN}",
        "aud": [f"administrator@{DOMAIN}", "rs_esxcloud"],
        "iat": now_s,
        "exp": now_s + 3600,
        "scope": SCOPE,
        "tenant": DOMAIN,
        "token_class": "access_token",
        "token_type": "Bearer",
        "groups": [f"{DOMAIN}\\Administrators"],
    }
    _, refresh_ = unverified(answer.refresh_token)
    _, identity = unverified(answer.id_token)
    assert (refresh_["token_class"], refresh_["exp"]) == ("refresh_token", now_s + 28_800)
    assert (identity["token_class"], identity["aud"]) == ("id_token", f"administrator@{DOMAIN}")
    assert "groups" not in identity
    assert len({jti, refresh_["jti"], identity["jti"]}) == 3
    assert refresh_["sid"] == sid
    assert (answer.token_type, answer.expires_in) == ("Bearer", 3600)


async def test_our_own_client_gets_es256_and_its_id_in_the_claims(kit: IdentityKit) -> None:
    answer = await sign_in(kit, HELIO)
    header, claims = unverified(answer.access_token)
    assert header["alg"] == "ES256"
    assert (claims["client_id"], claims["aud"]) == (HELIO, [HELIO, "rs_esxcloud"])
    principal = await kit.identity.verify(answer.access_token)
    assert principal.client == HELIO
    assert principal.is_system_admin
    assert principal.groups == {f"{DOMAIN}\\Administrators", f"{DOMAIN}\\administrator"}


@pytest.mark.parametrize(
    ("scope", "tokens"),
    [("", ""), ("openid", "i"), ("offline_access", "r"), ("openid offline_access", "ir")],
)
async def test_the_scope_decides_which_tokens_come(
    kit: IdentityKit, scope: str, tokens: str
) -> None:
    answer = await sign_in(kit, scope=scope)
    assert bool(answer.id_token) == ("i" in tokens)
    assert bool(answer.refresh_token) == ("r" in tokens)


async def test_without_at_groups_a_token_carries_no_groups(kit: IdentityKit) -> None:
    answer = await sign_in(kit, scope="openid rs_heliostat id_groups")
    principal = await kit.identity.verify(answer.access_token)
    assert principal.groups == {f"{DOMAIN}\\administrator"}
    assert not principal.is_system_admin
    assert unverified(answer.id_token)[1]["groups"] == [f"{DOMAIN}\\Administrators"]


async def test_a_token_for_something_else_is_refused(kit: IdentityKit) -> None:
    answer = await sign_in(kit, scope="openid offline_access at_groups")
    for token in (answer.access_token, answer.id_token, answer.refresh_token):
        assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_unknown_scopes_grants_and_clients(kit: IdentityKit) -> None:
    assert await code_of(sign_in(kit, scope="openid root")) == "InvalidScope"
    assert await code_of(sign_in(kit, "nobody")) == "InvalidClient"
    assert await code_of(sign_in(kit, "client-without-id")) == "InvalidClient"
    for grant in ("authorization_code", "client_credentials", "x" * 300):
        assert await code_of(ask(kit, grant_type=grant)) == "UnsupportedGrant"
    assert await code_of(sign_in(kit, client_assertion_type="x")) == "InvalidClient"


async def test_the_password_grant_is_a_setting_of_each_client(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    assert [client.name for client in await directory.list_clients()] == [NAMELESS, HELIO]
    planned = await directory.allow_password_grant(HELIO, False, plan=True)
    assert planned.grants == ("refresh_token",)
    session = await sign_in(kit, HELIO)
    await directory.allow_password_grant(HELIO, False)
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    await refresh(kit, session.refresh_token, HELIO)
    await sign_in(kit)
    await directory.allow_password_grant(NAMELESS, False)
    assert await code_of(sign_in(kit)) == "UnsupportedGrant"
    await directory.allow_password_grant(HELIO, True)
    await sign_in(kit, HELIO)
    assert await code_of(directory.allow_password_grant("nobody", True)) == "InvalidClient"


async def test_tokens_expire_with_a_little_tolerance(kit: IdentityKit) -> None:
    token = (await sign_in(kit)).access_token
    await kit.clock.advance(3625)
    await kit.identity.verify(token)
    await kit.clock.advance(10)
    assert await code_of(kit.identity.verify(token)) == "ExpiredAuthToken"


async def test_headers_and_tokens_that_are_none(kit: IdentityKit) -> None:
    verifier = kit.identity.verifier
    token = (await sign_in(kit)).access_token
    assert (await verifier.verify_header(f"bearer {token}")).is_system_admin
    for header, code in (
        (None, "MissingAuthToken"),
        (" ", "MissingAuthToken"),
        ("Bearer", "MalformedAuthToken"),
        (f"Basic {token}", "MalformedAuthToken"),
        (token, "MalformedAuthToken"),
        ("Bearer x.y", "MalformedAuthToken"),
        ("Bearer " + "a." * 20, "MalformedAuthToken"),
        ("Bearer \u00e4.b.c", "MalformedAuthToken"),
        ("Bearer \udce4.b.c", "MalformedAuthToken"),
        ("Bearer " + "x" * 20_000, "MalformedAuthToken"),
        (f"Bearer {base64.urlsafe_b64encode(b'[' * 50_000).decode()}", "MalformedAuthToken"),
    ):
        assert await code_of(verifier.verify_header(header)) == code


def changed(token: str, part: int, **values: object) -> str:
    """``token`` with values changed in its header (0) or claims (1), signature kept."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    content.update(values)
    parts[part] = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    return ".".join(parts)


async def test_a_changed_token_is_refused(kit: IdentityKit) -> None:
    for client in ("", HELIO):
        token = (await sign_in(kit, client)).access_token
        head, body, signature = token.split(".")
        for forged in (
            changed(token, 1, groups=["x"]),
            changed(token, 0, alg="none"),
            changed(token, 0, alg="HS256"),
            changed(token, 0, alg="ES256" if not client else "RS256"),
            changed(token, 0, kid="unknown"),
            changed(token, 0, kid=7),
            f"{head}.{body}.",
            f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        ):
            assert await code_of(kit.identity.verify(forged)) == "InvalidAuthToken"
        for odd in ("\ud800", "k" * 5000):
            code = await code_of(kit.identity.verify(changed(token, 0, kid=odd)))
            assert code in ("InvalidAuthToken", "MalformedAuthToken")


@pytest.mark.parametrize(
    ("claim", "value", "code"),
    [
        ("iss", "https://other", "InvalidAuthToken"),
        ("tenant", "other", "InvalidAuthToken"),
        ("token_class", "id_token", "InvalidAuthToken"),
        ("token_type", "hotk-pk", "InvalidAuthToken"),
        ("aud", "rs_other", "InvalidAuthToken"),
        ("aud", None, "InvalidAuthToken"),
        ("sub", 5, "InvalidAuthToken"),
        ("groups", "x", "InvalidAuthToken"),
        ("exp", None, "InvalidAuthToken"),
        ("exp", True, "InvalidAuthToken"),
        ("exp", 1, "ExpiredAuthToken"),
        ("iat", 9_999_999_999, "InvalidAuthToken"),
    ],
)
async def test_every_claim_is_checked(
    kit: IdentityKit, claim: str, value: object, code: str
) -> None:
    key = await kit.identity.keys.signer(Algorithm.ES256)
    _, claims = unverified((await sign_in(kit, HELIO)).access_token)
    await kit.identity.verify(sign({**claims}, key))
    assert await code_of(kit.identity.verify(sign({**claims, claim: value}, key))) == code


async def test_the_same_refresh_token_serves_a_client_that_keeps_it(kit: IdentityKit) -> None:
    first = await sign_in(kit)
    for _ in range(3):
        await kit.clock.advance(3600)
        again = await refresh(kit, first.refresh_token)
        assert again.refresh_token == ""
        assert (await kit.identity.verify(again.access_token)).is_system_admin
    await kit.clock.advance(5 * 3600)
    assert await code_of(refresh(kit, first.refresh_token)) == "InvalidGrant"


async def test_a_rotating_client_gets_a_new_one_and_the_old_ends_the_session(
    kit: IdentityKit,
) -> None:
    first = await sign_in(kit, HELIO)
    second = await refresh(kit, first.refresh_token, HELIO)
    third = await refresh(kit, second.refresh_token, HELIO)
    assert unverified(third.refresh_token)[1]["exp"] == unverified(first.refresh_token)[1]["exp"]
    assert await code_of(refresh(kit, first.refresh_token, HELIO)) == "InvalidGrant"
    assert await code_of(refresh(kit, third.refresh_token, HELIO)) == "InvalidGrant"
    assert await SESSIONS.all(kit.store) == []


async def test_a_refresh_token_belongs_to_its_client(kit: IdentityKit) -> None:
    first = await sign_in(kit)
    assert await code_of(refresh(kit, first.refresh_token, HELIO)) == "InvalidGrant"
    assert await code_of(refresh(kit, first.access_token)) == "InvalidGrant"
    assert await code_of(refresh(kit, "")) == "InvalidGrant"
    await refresh(kit, first.refresh_token)


async def test_a_refresh_may_ask_for_less_but_not_for_more(kit: IdentityKit) -> None:
    first = await sign_in(kit, scope="openid offline_access rs_esxcloud")
    less = await refresh(kit, first.refresh_token, scope="rs_esxcloud")
    assert (less.scope, less.id_token) == ("rs_esxcloud", "")
    more = refresh(kit, first.refresh_token, scope="rs_esxcloud at_groups")
    assert await code_of(more) == "InvalidScope"


async def test_what_changes_for_the_user_ends_the_session(kit: IdentityKit) -> None:
    directory = kit.identity.directory

    async def fresh(password: str) -> str:
        answer = await sign_in(kit, username="alice", password=password)
        return answer.refresh_token

    await directory.create_user("alice", PASSWORD)
    token = await fresh(PASSWORD)
    await directory.set_password("alice", OTHER_PASSWORD)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    token = await fresh(OTHER_PASSWORD)
    await directory.set_disabled("alice", True)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    await directory.set_disabled("alice", False)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    token = await fresh(OTHER_PASSWORD)
    await directory.delete_user("alice")
    await directory.create_user("alice", OTHER_PASSWORD)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"


async def test_a_new_membership_counts_from_the_next_refresh(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    first = await sign_in(kit, username="ALICE", password=PASSWORD)
    await directory.create_group("Ops")
    await directory.add_member("Administrators", "Ops")
    await directory.add_member("Ops", "alice")
    assert not (await kit.identity.verify(first.access_token)).is_system_admin
    again = await refresh(kit, first.refresh_token)
    assert (await kit.identity.verify(again.access_token)).is_system_admin


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
        (each.value for each in await SIGNING_KEYS.all(kit.store)), key=lambda key: key.created_ms
    )
    assert first.retired_ms
    assert not second.retired_ms
    await kit.clock.advance(9 * 3600)
    await kit.identity.maintain()
    assert [each.value.kid for each in await SIGNING_KEYS.all(kit.store)] == [second.kid]
    assert await code_of(kit.identity.verify(token)) == "InvalidAuthToken"


async def test_the_public_keys_hold_nothing_private(kit: IdentityKit) -> None:
    await sign_in(kit)
    await sign_in(kit, HELIO)
    keys = (await kit.identity.keys.jwks())["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    for key in keys:
        assert {"kty", "kid", "use", "alg"} <= key.keys()
        assert key.keys().isdisjoint({"d", "p", "q", "dp", "dq", "qi"})


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


segment = st.one_of(
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "exp"]), st.text()).map(
        lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    ),
)


@given(st.lists(segment, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_is_sent_as_a_token_gets_one_of_three_answers(parts: list[str]) -> None:
    clock = VirtualClock()
    store = MemoryStore(clock)
    verifier = Verifier(SigningKeys(store, clock, OPTIONS.lifetimes), clock, OPTIONS)
    with pytest.raises(HeliostatError) as caught:
        asyncio.run(verifier.verify_header("Bearer " + ".".join(parts)))
    assert caught.value.code in ("MalformedAuthToken", "InvalidAuthToken", "ExpiredAuthToken")
