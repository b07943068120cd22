"""Exchanging tokens: who may, for which audience, and that nothing grows on the way."""

from __future__ import annotations

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.records import Grant
from heliostat.identity.tokens.claims import sign
from heliostat.identity.tokens.client_authentication import ClientFields
from heliostat.identity.tokens.exchange import ACCESS_TOKEN
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.token_messages import TokenAnswer
from heliostat.testing.signin import PASSWORD, IdentityKit, ask, new_key_pair, sign_in
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

URN = "urn:ietf:params:oauth:token-type:"
ID_TOKEN, REFRESH, JWT = f"{URN}id_token", f"{URN}refresh_token", f"{URN}jwt"
BACK = ["https://front.example/back"]


class Services:
    """A front that people sign in to, a service ``api`` behind it and one behind that."""

    def __init__(self, kit: IdentityKit, secrets: dict[str, str]) -> None:
        self.kit = kit
        self.secrets = secrets

    async def front(self, scope: str = "openid offline_access at_groups rs_api") -> TokenAnswer:
        return await sign_in(self.kit, "front", username="ada", password=PASSWORD, scope=scope)

    async def exchange(self, token: str, client: str = "api", **fields: str) -> TokenAnswer:
        asked = {
            "grant_type": Grant.EXCHANGE.value,
            "client_id": client,
            "client_secret": self.secrets[client],
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "audience": "rs_heliostat",
            **fields,
        }
        return await ask(self.kit, **asked)

    async def refused(self, token: str, client: str = "api", **fields: str) -> tuple[str, str]:
        with pytest.raises(HeliostatError) as caught:
            await self.exchange(token, client, **fields)
        return caught.value.code, caught.value.message


@pytest.fixture
async def services(kit: IdentityKit) -> Services:
    directory = kit.identity.directory
    await directory.create_user("ada", PASSWORD)
    await directory.create_group("Operators")
    await directory.add_member("Operators", "ada")
    await directory.create_client(
        "front",
        BACK,
        Settings(
            grants=["password", "refresh_token"],
            scopes=["openid", "offline_access", "at_groups", "id_groups", "rs_api"],
        ),
    )
    secrets = {}
    for name, impersonates in (("api", False), ("ghost", True)):
        made = await directory.create_client(
            name,
            settings=Settings(
                grants=[Grant.EXCHANGE.value],
                authentication="client_secret_post",
                scopes=["at_groups"],
                exchanges=["rs_heliostat", "rs_ghost"],
                impersonates=impersonates,
                access_lifetime=1800,
            ),
        )
        secrets[name] = made.secret
    return Services(kit, secrets)


async def test_a_service_acts_for_whoever_called_it(services: Services) -> None:
    kit = services.kit
    answer = await services.exchange((await services.front()).access_token)
    assert (answer.issued_token_type, answer.refresh_token, answer.id_token) == (
        ACCESS_TOKEN,
        "",
        "",
    )
    claims = unverified(answer.access_token)[1]
    assert claims["aud"] == ["api", "rs_heliostat"]
    assert claims["act"] == {"sub": "api", "client_id": "api"}
    assert answer.scope == "at_groups rs_heliostat"
    principal = await kit.identity.verify(answer.access_token)
    assert (principal.subject, principal.client) == ("ada@heliostat.local", "api")
    assert "heliostat.local\\Operators" in principal.groups
    assert answer.expires_in == 1800


async def test_actors_stand_in_one_another_and_impersonation_is_a_setting(
    services: Services,
) -> None:
    token = (await services.front()).access_token
    first = (await services.exchange(token, audience="rs_ghost")).access_token
    second = (await services.exchange(first, "ghost")).access_token
    assert unverified(second)[1]["act"] == {"sub": "api", "client_id": "api"}
    direct = await services.front("openid rs_api")
    assert (await services.refused(direct.access_token, "ghost"))[0] == "InvalidEntity"
    await services.kit.identity.directory.update_client("ghost", Settings(impersonates=False))
    third = (await services.exchange(first, "ghost")).access_token
    assert unverified(third)[1]["act"] == {
        "sub": "ghost",
        "client_id": "ghost",
        "act": {"sub": "api", "client_id": "api"},
    }
    for _ in range(3):
        third = (await services.exchange(third, "ghost", audience="rs_ghost")).access_token
    assert "act for one another" in (await services.refused(third, "ghost"))[1]


async def test_nothing_grows(services: Services) -> None:
    kit = services.kit
    few = (await services.front("openid rs_api")).access_token
    assert (await services.refused(few, scope="at_groups"))[0] == "InvalidScope"
    assert "groups" not in unverified((await services.exchange(few)).access_token)[1]
    await kit.clock.advance(3000)
    late = await services.exchange(few)
    assert late.expires_in == 600
    await kit.clock.advance(610)  # it would still be accepted for 20 seconds
    assert "expired" in (await services.refused(few))[1]


async def test_an_id_token_of_ones_own_does(services: Services) -> None:
    directory = services.kit.identity.directory
    told = await directory.update_client(
        "front",
        Settings(
            grants=["password", "refresh_token", Grant.EXCHANGE.value],
            authentication="client_secret_post",
            exchanges=["rs_heliostat"],
        ),
    )
    services.secrets["front"] = told.secret
    answer = await sign_in(
        services.kit,
        "front",
        username="ada",
        password=PASSWORD,
        client_secret=told.secret,
        scope="openid id_groups",
    )
    for type_ in (ID_TOKEN, JWT):
        made = await services.exchange(answer.id_token, "front", subject_token_type=type_)
        assert made.scope == "id_groups rs_heliostat"
    assert (await services.refused(answer.id_token, "front"))[0] == "InvalidEntity"


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"subject_token": ""}, "InvalidEntity", "needed"),
        ({"subject_token": "x"}, "InvalidEntity", "can't be read"),
        ({"subject_token_type": ""}, "InvalidEntity", "needed"),
        ({"subject_token_type": REFRESH}, "InvalidEntity", "needed"),
        ({"subject_token_type": ID_TOKEN}, "InvalidEntity", "another type"),
        ({"requested_token_type": REFRESH}, "InvalidEntity", "is given"),
        ({"audience": ""}, "InvalidTarget", "name the resource server"),
        ({"audience": "rs_esxcloud"}, "InvalidTarget", "rs_esxcloud"),
        ({"scope": "rs_esxcloud"}, "InvalidTarget", "rs_esxcloud"),
        ({"resource": "https://a.example/"}, "InvalidTarget", "audience"),
        ({"scope": "id_groups"}, "InvalidScope", "id_groups"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "InvalidEntity", "actor"),
        ({"actor_token": "x"}, "InvalidEntity", "actor_token"),
        ({"client_secret": "wrong"}, "InvalidClient", "secret"),
    ],
)  # fmt: skip
async def test_refusals(services: Services, fields: dict[str, str], code: str, word: str) -> None:
    got, message = await services.refused((await services.front()).access_token, **fields)
    assert (got, word in message) == (code, True), message


async def test_tokens_that_do_not_count(services: Services) -> None:
    kit = services.kit
    front = await services.front()
    made = (await services.exchange(front.access_token)).access_token
    standing = kit.identity.realms.system.standing
    assert (await standing.introspect(made))["act"]["sub"] == "api"
    key = await kit.identity.keys.signer(Algorithm.ES256)
    claims = unverified(front.access_token)[1]
    stranger = sign({**claims, "aud": ["front", "rs_other"]}, key)
    assert "neither given" in (await services.refused(stranger))[1]
    assert "neither given" in (await services.refused((await sign_in(kit)).access_token))[1]
    actor = {"actor_token": front.access_token, "actor_token_type": ACCESS_TOKEN}
    assert "another client" in (await services.refused(front.access_token, **actor))[1]
    clients = kit.identity.realms.system.clients
    api = await clients.client(ClientFields(client_id="api", client_secret=services.secrets["api"]))
    await standing.revoke(made, api)  # not the session's own client: the session goes on
    assert (await standing.introspect(made))["active"]
    session = await kit.identity.realms.system.sessions.find(claims["sid"])
    assert session is not None
    await kit.identity.realms.system.sessions.end(session)
    assert not (await standing.introspect(made))["active"]
    assert "signs in no longer" in (await services.refused(front.access_token))[1]


@pytest.mark.parametrize("made_again", ["user", "account", "client"])
async def test_a_token_says_nothing_of_who_has_the_name_next(
    services: Services, made_again: str
) -> None:
    kit = services.kit
    directory = kit.identity.directory
    token = (await services.front("openid at_groups rs_api")).access_token
    standing = kit.identity.realms.system.standing
    assert (await standing.introspect(token))["active"]
    await kit.clock.advance(2)
    if made_again == "client":
        await directory.delete_client("front")
        await directory.create_client("front", BACK)
    else:
        await directory.delete_user("ada")
        if made_again == "user":
            await directory.create_user("ada", PASSWORD)
            await directory.add_member("Administrators", "ada")
        else:
            await directory.create_service_account("ada", new_key_pair()[1], ["Administrators"])
    assert await standing.introspect(token) == {"active": False}
    assert (await services.refused(token))[0] == "InvalidEntity"
