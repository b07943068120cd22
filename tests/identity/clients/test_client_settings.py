"""What clients can be told to be, how they prove themselves, and what becomes of old ones."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.named import HELIO
from heliostat.identity.clients.records import Client, Grant
from heliostat.identity.clients.settings import API_SCOPES, SIGN_IN_SCOPES, upgraded
from heliostat.identity.tokens.assertions import ASSERTION_TYPE
from heliostat.identity.tokens.client_authentication import ClientFields, with_header
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.signin import KINDS, IdentityKit, code_of, refresh, sign_in
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

BACK = ["https://till.example/back"]
SECRET = Settings(authentication="client_secret_basic")
PASSWORD_GRANT = ["password", "refresh_token"]


def jwks(*keys: ECKey | RSAKey | OctKey, private: bool = False, **changes: object) -> str:
    return json.dumps({"keys": [{**key.as_dict(private=private), **changes} for key in keys]})


P256, P384 = ECKey.generate_key("P-256"), ECKey.generate_key("P-384")
RSA = RSAKey.generate_key(2048)
SHORT_RSA = {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode()[:171]}


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"grants": []}, "without grants"),
        ({"grants": ["implicit"]}, "no grant"),
        ({"grants": ["client_credentials"]}, "service accounts"),
        ({"redirect_uris": []}, "address to send browsers"),
        ({"redirect_uris": [f"https://a.example/{n}" for n in range(33)]}, "at most 32"),
        ({"redirect_uris": ["https://a.example/" + "x" * 2000]}, "too many"),
        ({"authentication": "tls_client_auth"}, "no authentication"),
        ({"authentication": "private_key_jwt"}, "needs jwks"),
        ({"algorithm": "HS256"}, "no algorithm"),
        ({"grants": [Grant.EXCHANGE.value]}, "prove itself"),
        ({"exchanges": ["shop"]}, "resource servers"),
        ({"scopes": ["openid", "root"]}, "no scope 'root'"),
        ({"scopes": ["rs_"]}, "no scope 'rs_'"),
        ({"scopes": [f"rs_{n}" for n in range(65)]}, "at most 64"),
        ({"access_lifetime": 59}, "60 to 3600"),
        ({"access_lifetime": -1}, "60 to 3600"),
        ({"refresh_lifetime": 30_000}, "60 to 28800"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "x" * 81}, "title"),
        ({"backchannel_logout_uri": "http://a.example/"}, "without TLS"),
        ({"backchannel_logout_uri": "org.example:/x"}, "no address of a program"),
        ({"frontchannel_logout_uri": "https://a.example/#x"}, "fragment"),
        ({"jwks": "{"}, "no JWK set"),
        ({"jwks": "[" * 9000}, "no JWK set"),
        ({"jwks": '{"keys": [1]}'}, "no JWK set"),
        ({"jwks": '{"keys": []}'}, "0 keys"),
        ({"jwks": jwks(P256, private=True)}, "private key"),
        ({"jwks": jwks(OctKey.generate_key(256), private=True)}, "private key"),
        ({"jwks": jwks(P384)}, "must be P-256"),
        ({"jwks": json.dumps({"keys": [SHORT_RSA]})}, "must be P-256"),
        ({"jwks": jwks(P256, x="!")}, "can't be read"),
        ({"jwks": jwks(P256, use="enc")}, "not for signatures"),
        ({"jwks": jwks(P256, alg="RS256")}, "only ES256 and RS256"),
        ({"jwks": jwks(P256, P256)}, "same kid"),
    ],
)
async def test_settings_that_make_no_client(
    kit: IdentityKit, settings: dict[str, Any], word: str
) -> None:
    directory = kit.identity.directory
    with pytest.raises(HeliostatError, match=word) as caught:
        await directory.create_client("till", BACK, Settings(**settings))
    assert caught.value.code == "InvalidEntity"
    assert await code_of(directory.get_client("till")) == "ClientNotFound"


async def test_a_client_may_ask_for_no_more_than_its_scopes(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    made = await directory.create_client("till", BACK, Settings(grants=PASSWORD_GRANT))
    assert made.scopes == SIGN_IN_SCOPES
    for beyond in ("at_groups", "rs_heliostat", "openid rs_till"):
        assert await code_of(sign_in(kit, "till", scope=beyond)) == "InvalidScope"
    wider = [*SIGN_IN_SCOPES, "rs_till", "at_groups"]
    await directory.update_client("till", Settings(scopes=wider))
    answer = await sign_in(kit, "till", scope="openid offline_access rs_till at_groups email")
    assert unverified(answer.access_token)[1]["aud"] == ["till", "rs_till"]
    await directory.update_client("till", Settings(scopes=["openid", "offline_access"]))
    again = await refresh(kit, answer.refresh_token, "till")
    assert again.scope == "openid offline_access"
    assert unverified(again.access_token)[1]["aud"] == ["till"]


async def test_lifetimes_are_the_clients_within_the_tenants(kit: IdentityKit) -> None:
    short = Settings(grants=PASSWORD_GRANT, access_lifetime=90, refresh_lifetime=600)
    await kit.identity.directory.create_client("till", BACK, short)
    answer = await sign_in(kit, "till", scope="openid offline_access")
    now_s = kit.clock.now_ms() // 1000
    assert answer.expires_in == 90
    assert unverified(answer.access_token)[1]["exp"] == now_s + 90
    assert unverified(answer.refresh_token)[1]["exp"] == now_s + 600
    await kit.clock.advance(601)
    assert await code_of(refresh(kit, answer.refresh_token, "till")) == "InvalidGrant"


async def test_a_secret_is_shown_once_and_changes_with_an_overlap(kit: IdentityKit) -> None:
    directory, clients = kit.identity.directory, kit.identity.realms.system.clients
    made = await directory.create_client("till", BACK, SECRET)
    stored = await KINDS.directory.clients.get(kit.store, "till")
    assert stored is not None
    assert made.secret not in msgspec.json.encode(stored.value).decode()
    assert (await directory.get_client("till")).secret == ""
    changed = await directory.update_client("till", Settings(title="The till"))
    assert changed.secret == ""

    async def proves(secret: str) -> bool:
        fields = ClientFields(client_id="till", client_secret=secret)
        return not await code_of(clients.proven(fields))

    assert await proves(made.secret)
    for wrong in ("", made.secret[:-1], made.secret + "x", "\udcff"):
        assert not await proves(wrong)
    second = (await directory.rotate_secret("till", 60)).secret
    assert await proves(made.secret)
    assert await proves(second)
    await kit.clock.advance(61)
    assert not await proves(made.secret)
    third = (await directory.rotate_secret("till")).secret
    assert [await proves(each) for each in (second, third)] == [False, True]
    assert await code_of(directory.rotate_secret("till", -1)) == "InvalidEntity"
    await directory.update_client("till", Settings(authentication="none"))
    assert await code_of(clients.client(ClientFields(client_id="till"))) == ""
    both = ClientFields(client_id="till", client_secret=third)
    assert await code_of(clients.client(both)) == "InvalidClient"
    assert await code_of(directory.rotate_secret("till")) == "InvalidEntity"
    assert await code_of(directory.update_client(HELIO, SECRET)) == "InvalidOperation"


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "form", "told"),
    [
        (None, {}, {}),
        ("Bearer x", {"client_id": "a"}, {"client_id": "a"}),
        (basic("a:b"), {}, {"client_id": "a", "client_secret": "b"}),
        (basic("a%3Ab:c+d%26"), {}, {"client_id": "a:b", "client_secret": "c d&"}),
        (basic("a:b"), {"client_id": "a"}, {"client_id": "a", "client_secret": "b"}),
        (basic("a:b"), {"client_id": "x"}, None),
        (basic("a:b"), {"client_secret": "b"}, None),
        (basic("a"), {}, None),
        ("Basic !", {}, None),
        ("Basic " + base64.b64encode(b"a:\xff").decode(), {}, None),
    ],
)
async def test_a_header_names_the_client(
    authorization: str | None, form: dict[str, str], told: dict[str, str] | None
) -> None:
    async def read() -> None:
        assert with_header(form, authorization) == told

    assert await code_of(read()) == ("" if told is not None else "InvalidClient")


async def test_keys_of_a_set_sign_assertions(kit: IdentityKit) -> None:
    named = Settings(authentication="private_key_jwt", jwks=jwks(P256, RSA))
    await kit.identity.directory.create_client("till", BACK, named)
    shown = await kit.identity.directory.get_client("till")
    assert shown.key_ids == (P256.thumbprint(), RSA.thumbprint())

    def fields(key: ECKey | RSAKey, alg: str, **header: object) -> ClientFields:
        claims = {
            "iss": "till",
            "sub": "till",
            "aud": kit.identity.options.issuer,
            "exp": kit.clock.now_ms() // 1000 + 60,
            "jti": kit.ids.new_id(),
        }
        signed = jwt.encode({"alg": alg, **header}, claims, key, algorithms=[alg])
        return ClientFields(client_assertion=signed, client_assertion_type=ASSERTION_TYPE)

    proven = kit.identity.realms.system.clients.proven
    for good in (
        fields(P256, "ES256"),
        fields(RSA, "RS256", kid=RSA.thumbprint()),
        fields(RSA, "RS256", kid="unknown"),
    ):
        assert (await proven(good)).name == "till"
    assert await code_of(proven(good)) == "InvalidClient"  # used before
    for bad in (
        fields(RSA, "RS256", kid=P256.thumbprint()),
        fields(RSA, "PS256"),
        fields(ECKey.generate_key("P-256"), "ES256"),
        ClientFields(client_id="till"),
        ClientFields(client_id="till", client_secret="x"),
        msgspec.structs.replace(fields(P256, "ES256"), client_secret="x"),
    ):
        assert await code_of(proven(bad)) == "InvalidClient"


async def test_clients_of_before_keep_what_everybody_had(kit: IdentityKit) -> None:
    """Their documents say ``schema: 1`` and hold no lists."""
    old = Client(name="till", grants=(Grant.PASSWORD, Grant.REFRESH), schema=1)
    helio = Client(name=HELIO, grants=(Grant.PASSWORD, Grant.REFRESH), schema=1)
    (before,) = [
        each.value
        for each in await KINDS.directory.clients.all(kit.store)
        if each.value.name == HELIO
    ]
    await kit.store.commit(
        [], [*KINDS.directory.clients.put(old), *KINDS.directory.clients.put(helio, before)]
    )
    answer = await sign_in(kit, "till")
    assert (await kit.identity.verify(answer.access_token)).is_system_admin
    directory = kit.identity.directory
    assert (await directory.get_client("till")).scopes == API_SCOPES
    assert Grant.DEVICE in (await directory.get_client(HELIO)).grants
    await directory.update_client(HELIO, Settings(grants=PASSWORD_GRANT))
    assert (await directory.get_client(HELIO)).grants == tuple(PASSWORD_GRANT)


async def test_the_command_line_of_before_loses_the_password_grant_and_no_session(
    kit: IdentityKit,
) -> None:
    """``schema: 2`` gave it to everybody; who allows it from now on means it."""
    directory = kit.identity.directory
    await directory.allow_password_grant(HELIO, True)
    session = await sign_in(kit, HELIO)
    stored = await KINDS.directory.clients.get(kit.store, HELIO)
    assert stored is not None
    before = msgspec.structs.replace(stored.value, schema=2)
    await kit.store.commit([], KINDS.directory.clients.put(before, stored.value))
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    assert Grant.PASSWORD not in (await directory.get_client(HELIO)).grants
    session = await refresh(kit, session.refresh_token, HELIO)
    await directory.update_client(HELIO, Settings(title="Ours"))
    assert await code_of(sign_in(kit, HELIO)) == "UnsupportedGrant"
    await directory.allow_password_grant(HELIO, True)
    await sign_in(kit, HELIO)
    await refresh(kit, session.refresh_token, HELIO)


@pytest.mark.parametrize("left", [(), (Grant.REFRESH,)])
def test_it_is_left_with_a_way_to_sign_in(left: tuple[Grant, ...]) -> None:
    before = Client(name=HELIO, grants=(Grant.PASSWORD, *left), schema=2)
    now = upgraded(before, HELIO)
    assert now.grants
    assert Grant.PASSWORD not in now.grants
    other = Client(name="till", grants=(Grant.PASSWORD, *left), schema=2)
    assert upgraded(other, HELIO).grants == other.grants


async def test_a_resource_server_is_told_of_the_groups_that_matter_to_it(
    kit: IdentityKit,
) -> None:
    directory = kit.identity.directory
    for group in ("Editors", "Auditors"):
        await directory.create_group(group)
        await directory.add_member(group, "administrator")
    all_groups = [f"heliostat.local\\{each}" for each in ("Administrators", "Auditors", "Editors")]
    wide = Settings(
        scopes=["openid", "at_groups_filtered", "at_groups", "rs_wiki", "rs_till"],
        grants=PASSWORD_GRANT,
    )
    await directory.update_client(HELIO, wide)
    await directory.create_client("wiki", BACK, Settings(group_filter=["editors", "nobody"]))

    async def told(scope: str) -> list[str]:
        answer = await sign_in(kit, HELIO, scope=scope)
        groups: list[str] = unverified(answer.access_token)[1]["groups"]
        return groups

    assert await told("at_groups_filtered rs_wiki") == ["heliostat.local\\Editors"]
    assert await told("at_groups rs_wiki") == all_groups
    assert await told("at_groups_filtered rs_wiki rs_till") == all_groups
    await directory.update_client(
        "wiki", Settings(group_filter=["heliostat.local\\Auditors", "Editors"])
    )
    assert await told("at_groups_filtered rs_wiki") == all_groups[1:]
    assert await code_of(sign_in(kit, HELIO, scope="at_groups_filtered")) == "InvalidScope"


async def test_a_service_account_is_a_client_with_settings(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    public = P256.as_pem(private=False).decode()
    await directory.create_service_account("ci", public)
    both = [Grant.CLIENT_CREDENTIALS.value, Grant.EXCHANGE.value]
    await directory.update_client("ci", Settings(grants=both, exchanges=["rs_shop"]))
    shown = await directory.get_client("ci")
    assert (shown.grants, shown.authentication) == (tuple(both), "private_key_jwt")
    assert await code_of(directory.update_client("ci", SECRET)) == "InvalidEntity"
    assert await code_of(directory.delete_client("ci")) == "ClientNotFound"
    assert "ci" not in [each.name for each in await directory.list_clients()]
