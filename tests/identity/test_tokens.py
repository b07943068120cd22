"""Tokens from grant to principal: claims and refusals."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import SeededIds
from heliostat.identity.clients.named import HELIO, NAMELESS
from heliostat.identity.clients.records import Grant
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.realms import Realms
from heliostat.identity.tokens.claims import sign
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.verify import Verifier
from heliostat.testing.clock import VirtualClock
from heliostat.testing.robot import Robot
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    PASSWORD,
    SCOPE,
    IdentityKit,
    ask,
    code_of,
    new_key_pair,
    refresh,
    sign_in,
)

DOMAIN = "heliostat.local"


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


@pytest.mark.usefixtures("rotating")
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
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    planned = await directory.allow_password_grant(HELIO, True, plan=True)
    assert planned.grants == (Grant.PASSWORD, Grant.REFRESH, Grant.DEVICE)
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    await directory.allow_password_grant(HELIO, True)
    session = await sign_in(kit, HELIO)
    await directory.allow_password_grant(HELIO, False)
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    await refresh(kit, session.refresh_token, HELIO)
    await sign_in(kit)
    await directory.allow_password_grant(NAMELESS, False)
    with pytest.raises(PermanentError) as refused:
        await sign_in(kit)
    assert (refused.value.code, "`helio login`" in refused.value.hint) == ("UnsupportedGrant", True)
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


@pytest.mark.usefixtures("rotating")
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


@pytest.mark.usefixtures("rotating")
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
    ids = SeededIds(1)
    with closing(Hashing(ids, OPTIONS.hashing)) as hashing:
        verifier = Verifier(Realms(store, clock, ids, OPTIONS, hashing), clock)
        with pytest.raises(HeliostatError) as caught:
            asyncio.run(verifier.verify_header("Bearer " + ".".join(parts)))
    assert caught.value.code in ("MalformedAuthToken", "InvalidAuthToken", "ExpiredAuthToken")


@pytest.mark.parametrize("then", ["disabled", "deleted", "made again"])
async def test_who_is_gone_is_out_of_the_api_within_half_a_minute(
    kit: IdentityKit, then: str
) -> None:
    directory = kit.identity.directory
    await directory.create_user("ada", PASSWORD)
    answer = await sign_in(kit, username="ada", password=PASSWORD)
    await kit.identity.verify(answer.access_token)
    await kit.clock.advance(1)
    if then == "disabled":
        await directory.set_disabled("ada", True)
    else:
        await directory.delete_user("ada")
    if then == "made again":
        await directory.create_user("ada", PASSWORD)
    await kit.clock.advance(30)
    assert await code_of(kit.identity.verify(answer.access_token)) == "InvalidAuthToken"


async def test_the_token_of_a_deleted_account_is_worth_nothing(robot: Robot) -> None:
    answer = await robot.sign_in(robot.assertion())
    await robot.kit.identity.verify(answer.access_token)
    await robot.kit.identity.directory.delete_service_account("ci")
    await robot.kit.clock.advance(30)
    assert await code_of(robot.kit.identity.verify(answer.access_token)) == "InvalidAuthToken"


async def test_a_clients_name_is_no_permission(kit: IdentityKit) -> None:
    """Tokens name who they were given to as their audience, too."""
    directory = kit.identity.directory
    back = ["https://shop.example/"]
    for name in ("rs_heliostat", "RS_other"):
        assert await code_of(directory.create_client(name, back)) == "InvalidName"
        attempt = directory.create_service_account(name, new_key_pair()[1])
        assert await code_of(attempt) == "InvalidName"
    await directory.create_client("shop", back)
    stored = await KINDS.directory.clients.get(kit.store, "shop")
    assert stored is not None
    older = replace(stored.value, name="rs_heliostat", grants=(Grant.PASSWORD,))
    await kit.store.commit([], KINDS.directory.clients.put(older))
    answer = await sign_in(kit, "rs_heliostat", scope="openid")
    assert await code_of(kit.identity.verify(answer.access_token)) == "InvalidAuthToken"
