"""People of a company's LDAP directory sign in: a real slapd, and a site on a memory store."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from heliostat.controller.api import identity_sessions
from heliostat.controller.api.call import Call
from heliostat.core.errors import HeliostatError
from heliostat.identity.factors import totp
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.realm import Realm
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.browser import Browser, Page, answered, trade
from heliostat.testing.signin import (
    KINDS,
    OPTIONS,
    PASSWORD,
    SCOPE,
    IdentityKit,
    ask,
    code_of,
    refresh,
    start_identity,
)
from heliostat.testing.small_slapd import (
    BASE,
    MANAGER,
    MANAGER_PASSWORD,
    ROOT,
    SmallSlapd,
    group,
    person,
    running,
)

DOMAIN = "corp.example"
ADA = f"uid=ada,ou=people,{BASE}"
CONTENT = "".join(
    (
        ROOT,
        person("ada", "first program", "givenName: Ada"),
        person("bob", "builds things"),
        person("gone", "was here once", "pwdAccountLockedTime: 000001010000Z"),
        person("o*brien", "a star in it"),
        person("(cn=x)", "parentheses"),
        person("twin", "one of two"),
        f"dn: cn=other twin,ou=people,{BASE}\nobjectClass: inetOrgPerson\ncn: other twin\n"
        "sn: twin\nuid: twin\nuserPassword: one of two\n\n",
        group("inner", ADA, f"cn=outer,ou=groups,{BASE}"),
        group("cloud admins", f"cn=inner,ou=groups,{BASE}"),
        group("outer", f"cn=cloud admins,ou=groups,{BASE}"),
        group("uniques", ADA, kind="groupOfUniqueNames", by="uniqueMember"),
        group("posix", "ada", kind="posixGroup", by="memberUid"),
        group("lonely", f"uid=bob,ou=people,{BASE}"),
    )
)


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSlapd]:
    with running(tmp_path_factory.mktemp("slapd"), CONTENT) as made:
        yield made


@pytest.fixture
def fields(slapd: SmallSlapd) -> dict[str, Any]:
    """A source of the directory: encrypted, all groups, however they name their members."""
    return {
        "kind": "ldap",
        "urls": [slapd.tls_url],
        "aliases": ["CORP", "corp.test"],
        "roots_pem": slapd.roots_pem,
        "people_base": f"ou=people,{BASE}",
        "groups_base": f"ou=groups,{BASE}",
        "attributes": {"groupMember": "member, uniqueMember, memberUid"},
        "bind_dn": MANAGER,
        "bind_password": MANAGER_PASSWORD,
        "timeout_s": 5.0,
    }


@pytest.fixture
async def realm(kit: IdentityKit) -> Realm:
    return await kit.identity.realms.get(kit.identity.options.domain)


async def signed_in(realm: Realm, username: str, password: str) -> str:
    """The subject, or the code of the refusal."""
    try:
        return (await realm.people.authenticate(username, password)).subject
    except HeliostatError as error:
        return error.code


async def test_people_sign_in_by_the_domain_in_their_name(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    await realm.sources.create_source(DOMAIN, fields)
    await realm.directory.create_user("ada", PASSWORD)
    refused = "InvalidLoginCredentials"
    for username, password, expected in (
        ("ada@corp.example", "first program", "ada@corp.example"),
        ("CORP\\ada", "first program", "ada@corp.example"),
        ("corp.example\\ADA", "first program", "ada@corp.example"),
        ("ada@CORP.TEST", "first program", "ada@corp.example"),
        ("ada", PASSWORD, "ada@heliostat.local"),
        ("ada@heliostat.local", PASSWORD, "ada@heliostat.local"),
        ("ada", "first program", refused),
        ("ada@corp.example", PASSWORD, refused),
        ("ada@corp.example", "", refused),
        ("ada@elsewhere.example", "first program", refused),
        ("gone@corp.example", "was here once", refused),
        ("nobody@corp.example", "first program", refused),
        ("*@corp.example", "first program", refused),
        ("a*@corp.example", "first program", refused),
        ("ada)(uid=*@corp.example", "first program", refused),
        (f"{ADA}@corp.example", "first program", refused),
        ("o*brien@corp.example", "a star in it", refused),
        ("(cn=x)@corp.example", "parentheses", refused),
        ("twin@corp.example", "one of two", refused),
        ("ada\0@corp.example", "first program", refused),
        ("@corp.example", "first program", refused),
        ("x" * 3000 + "@corp.example", "first program", refused),
        ("ada@corp.example", "p" * 5000, refused),
    ):
        assert await signed_in(realm, username, password) == expected, username
    ada = await realm.people.authenticate("CORP\\ada", "first program")
    names = ("cloud admins", "inner", "outer", "posix", "uniques")
    assert ada.groups == tuple(f"CORP.EXAMPLE\\{name}" for name in names)
    assert (ada.given_name, ada.email) == ("Ada", "ada@mail.example")
    assert await realm.people.subject("CORP\\gone") == "gone@corp.example"
    assert await realm.people.subject("CORP\\nobody") == ""
    await realm.sources.update_source(DOMAIN, {"default": True, "groups_filter": "(cn=cloud*)"})
    assert await signed_in(realm, "ada", "first program") == "ada@corp.example"
    await realm.sources.update_source(DOMAIN, {"groups_filter": "(cn=inner)", "nested": False})
    known = await realm.people.named("ada@corp.example")
    assert known is not None
    assert known.groups == ("CORP.EXAMPLE\\inner",)
    assert known.key == ada.key
    assert known.key.endswith("@corp.example")


async def test_tokens_carry_their_groups_and_ours_that_hold_them(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    await realm.sources.create_source(DOMAIN, fields)
    for name in ("Operators", "Everybody", "Again"):
        await realm.directory.create_group(name)
    await realm.directory.add_member("Everybody", "Operators")
    planned = await realm.members.add_member("Operators", "CORP\\Cloud Admins", plan=True)
    assert planned.members == ("CORP.EXAMPLE\\cloud admins",)
    assert (await realm.members.get_group("Operators")).members == ()
    await realm.members.add_member("Operators", "CORP\\Cloud Admins")
    await realm.members.add_member("Again", "ada@corp.example")
    assert (await realm.members.get_group("Again")).members == ("ada@corp.example",)
    for unknown in ("CORP\\nobody", "x@corp.example", "ada@elsewhere"):
        assert await code_of(realm.members.add_member("Again", unknown)) == "UserNotFound"
    answer = await ask(
        kit, grant_type="password", username="CORP\\ada", password="first program", scope=SCOPE
    )
    principal = await kit.identity.verify(answer.access_token)
    assert principal.subject == "ada@corp.example"
    assert {"heliostat.local\\Operators", "heliostat.local\\Everybody"} <= principal.groups
    assert {"heliostat.local\\Again", "CORP.EXAMPLE\\cloud admins"} <= principal.groups
    assert "corp.example\\ada" not in principal.groups  # a group there may have that name
    # a group made again is another, and nobody is in it
    await realm.directory.delete_group("Again")
    await realm.directory.create_group("Again")
    assert (await realm.members.get_group("Again")).members == ()
    after = await realm.people.authenticate("CORP\\ada", "first program")
    assert "heliostat.local\\Again" not in after.groups
    gone = await realm.members.remove_member("Operators", "corp\\CLOUD ADMINS")
    assert gone.members == ()
    missing = realm.members.remove_member("Operators", "CORP\\cloud admins")
    assert await code_of(missing) == "UserNotFound"
    # sessions are told and ended by a name, though they know him by his entry's id
    named = await realm.signed_in.list_sessions("corp\\ADA")
    assert [each.subject for each in named] == ["ada@corp.example"]
    assert [each.subject for each in await realm.signed_in.list_sessions()] == ["ada@corp.example"]
    assert list(await realm.signed_in.list_sessions("nobody@corp.example")) == []
    assert (await realm.standing.userinfo(answer.access_token))["sub"] == "ada@corp.example"
    assert (await realm.standing.introspect(answer.refresh_token))["active"]
    # without their source, nobody knows them and no group holds them
    await realm.members.add_member("Operators", "CORP\\ada")
    await realm.sources.delete_source(DOMAIN)
    assert (await realm.members.get_group("Operators")).members == ()
    assert await code_of(refresh(kit, answer.refresh_token)) == "InvalidGrant"
    assert not (await realm.standing.introspect(answer.access_token))["active"]


async def test_outsiders_sign_in_with_a_browser_and_a_second_factor(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any], browser: Browser
) -> None:
    await realm.sources.create_source(DOMAIN, fields)
    ada = await realm.people.authenticate("CORP\\ada", "first program")
    secret, sealed = realm.factors.new_secret(ada.key)

    def now(steps: int) -> str:
        return totp.code_at(secret, kit.clock.now_ms() // 1000 // totp.STEP_S + steps)

    await realm.factors.add_codes(ada.key, sealed, now(0), "Phone")
    wrong = await browser.sign_in(username="CORP\\ada", password="wrong")
    assert "User name or password is wrong" in wrong.text
    page = await browser.step(await browser.sign_in(username="CORP\\ada", password="first program"))
    assert "ada@corp.example" in Page(page.text).text
    told = answered(await browser.take(page, code=now(1)))
    tokens = (await trade(browser, told["code"])).json()
    claims = unverified(tokens["id_token"])[1]
    assert claims["sub"] == "ada@corp.example"
    assert "CORP.EXAMPLE\\cloud admins" in claims["groups"]
    assert answered(await browser.authorize())["code"]  # still signed in
    alone = ask(kit, grant_type="password", username="CORP\\ada", password="first program")
    assert await code_of(alone) == "SecondFactorRequired"
    subjects = [(each.subject, each.error and each.error.code) for each in browser.told]
    assert subjects[:2] == [
        ("ada@corp.example", "InvalidLoginCredentials"),
        ("ada@corp.example", None),
    ]


async def test_a_new_password_or_a_barred_account_ends_sessions(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any], slapd: SmallSlapd
) -> None:
    await realm.sources.create_source(DOMAIN, fields)

    async def session() -> str:
        answer = await ask(
            kit, grant_type="password", username="bob@corp.example", password="builds things",
            scope=SCOPE,
        )  # fmt: skip
        return answer.refresh_token

    bob = f"dn: uid=bob,ou=people,{BASE}\nchangetype: modify\n"
    token = await session()
    await refresh(kit, token)
    slapd.change(f"{bob}replace: userPassword\nuserPassword: builds things\n")
    await refresh(kit, token)  # within the seconds for which a person is remembered
    await kit.clock.advance(6)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    token = await session()
    slapd.change(f"{bob}replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n")
    await kit.clock.advance(6)
    assert await code_of(refresh(kit, token)) == "InvalidGrant"
    slapd.change(f"{bob}delete: pwdAccountLockedTime\n")


async def test_guessing_ends_here_before_it_ends_there(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    """However many come at once; and asking in vain is no guess."""
    await realm.sources.create_source(DOMAIN, fields)
    guesses = [signed_in(realm, "ada@corp.example", f"guess {n}") for n in range(4)]
    assert set(await asyncio.gather(*guesses)) == {"InvalidLoginCredentials"}
    assert await signed_in(realm, "CORP\\ada", "first program") == "ada@corp.example"
    guesses = [signed_in(realm, "CORP\\ada", f"guess {n}") for n in range(12)]
    assert set(await asyncio.gather(*guesses)) == {"InvalidLoginCredentials"}
    right = "first program"
    assert await signed_in(realm, "CORP\\ada", right) == "InvalidLoginCredentials"
    await kit.clock.advance(301)
    assert await signed_in(realm, "CORP\\ada", right) == "ada@corp.example"
    again = {"bind_password": MANAGER_PASSWORD}
    nowhere = {"urls": ["ldap://127.0.0.1:9"], "plain": True, **again}
    await realm.sources.update_source(DOMAIN, nowhere)
    for _ in range(10):
        assert await signed_in(realm, "CORP\\ada", right) == "SourceUnavailable"
    await realm.sources.update_source(DOMAIN, {"urls": fields["urls"], **again})
    assert await signed_in(realm, "CORP\\ada", right) == "ada@corp.example"


async def test_another_server_takes_the_place_of_one_that_is_down(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any], slapd: SmallSlapd
) -> None:
    dead = "ldaps://127.0.0.1:9"
    await realm.sources.create_source(DOMAIN, {**fields, "urls": [dead, slapd.tls_url]})
    for _ in range(3):
        assert await signed_in(realm, "CORP\\ada", "first program") == "ada@corp.example"
    servers = {each.url: each for each in (await realm.sources.get_source(DOMAIN)).servers}
    assert servers[slapd.tls_url].state == "working"
    assert servers[dead].state == "resting"
    assert "connection refused; it is left alone for 10 s" in servers[dead].sentence
    # a server that was stopped comes back, also where connections to it were kept
    slapd.stop()
    assert await signed_in(realm, "CORP\\ada", "first program") == "SourceUnavailable"
    assert await signed_in(realm, "CORP\\ada", "first program") == "SourceUnavailable"
    slapd.start()
    await kit.clock.advance(11)
    assert await signed_in(realm, "CORP\\ada", "first program") == "ada@corp.example"
    # sessions wait for it, and do not end
    key = (await realm.people.authenticate("CORP\\ada", "first program")).key
    await kit.clock.advance(6)
    slapd.stop()
    assert await code_of(realm.people.person(key)) == "SourceUnavailable"
    slapd.start()


async def test_silent_servers_cost_their_time_once(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    """Many at once, and many servers: each is told within the time; later ones at once."""
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
    urls = [f"ldaps://127.0.0.1:{each.getsockname()[1]}" for each in silent]
    await realm.sources.create_source(DOMAIN, {**fields, "urls": urls, "timeout_s": 0.5})
    async with asyncio.timeout(20):
        told = await asyncio.gather(*(signed_in(realm, "CORP\\ada", "x") for _ in range(120)))
    assert set(told) == {"SourceUnavailable", "TooManyRequests"}
    states = [each.state for each in (await realm.sources.get_source(DOMAIN)).servers]
    assert states[:2] == ["resting", "resting"]
    for each in silent:
        each.close()


async def test_a_probe_says_step_by_step(
    realm: Realm, fields: dict[str, Any], slapd: SmallSlapd, tmp_path: Path
) -> None:
    async def told(**changes: Any) -> list[str]:
        settings = {**fields, **changes}
        steps = await realm.sources.probe_source(DOMAIN, settings, person="ada", saved=False)
        return [f"{each.step} {each.sentence if not each.well else 'ok'}" for each in steps]

    well = ["resolve ok", "connect ok", "tls ok", "sign-in ok"]
    assert await told() == [*well, "people ok", "groups ok", "sample ok"]
    starting = {"urls": [slapd.url], "start_tls": True}
    assert (await told(**starting))[:4] == well
    assert (await told(bind_password="wrong"))[3:] == [
        f"sign-in Signing in as {MANAGER} was refused: name or password is wrong."
    ]
    assert "is not trusted" in (await told(roots_pem=""))[2]
    assert "does not resolve" in (await told(urls=["ldaps://nowhere.invalid"]))[0]
    assert "There is no such entry" not in (await told(people_base="dc=corp,dc=nowhere"))[4]
    assert (await told(people_filter="(cn=none)"))[4] == (
        f"people There is no person below ou=people,{BASE} that matches the filter."
    )
    nameless = await told(attributes={"name": "telephoneNumber"})
    assert "none has a usable telephoneNumber and entryUUID" in nameless[4]
    steps = await realm.sources.probe_source(DOMAIN, fields, person="ada", saved=False)
    assert "may sign in; in cloud admins, inner, outer" in steps[-3].sentence + steps[-1].sentence
    plain = {**fields, "urls": [slapd.url], "plain": True, "attributes": {"passwordChanged": ""}}
    steps = await realm.sources.probe_source(DOMAIN, plain, person="ada", saved=False)
    assert steps[2].sentence == f"{slapd.url} is not encrypted."
    assert "A new password ends no session" in steps[-1].sentence


async def test_signing_in_as_a_certificate(
    realm: Realm, fields: dict[str, Any], slapd: SmallSlapd
) -> None:
    """The directory maps whom the certificate names; a wrong key is refused before it is kept."""
    chain = (slapd.folder / "tls.crt").read_text()
    key = (slapd.folder / "tls.key").read_text()
    certified = {
        **fields, "bind_dn": "", "bind_password": "",
        "bind_certificate_pem": chain, "bind_key": key,
    }  # fmt: skip
    steps = await realm.sources.probe_source(DOMAIN, certified, saved=False)
    assert steps[3].sentence == "Signed in as whom the certificate names."
    broken = {**certified, "bind_key": "no key"}
    assert await code_of(realm.sources.create_source(DOMAIN, broken)) == "InvalidEntity"


async def test_secrets_are_sealed_and_domains_are_one_owners(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    before = await kit.store.revision()
    await realm.sources.create_source(DOMAIN, fields, plan=True)
    assert await kit.store.revision() == before
    made = await realm.sources.create_source(DOMAIN, fields)
    document = await kit.store.get(KINDS.sources.sources.key(made.source.id))
    assert document is not None
    assert MANAGER_PASSWORD.encode() not in document.value
    await kit.identity.tenants.create_tenant("acme.example")
    other = await kit.identity.realms.get("acme.example")
    for domain in (DOMAIN, "heliostat.local", "acme.example"):
        assert await code_of(other.sources.create_source(domain, fields)) == "SourceExists"
    assert await code_of(kit.identity.tenants.create_tenant(DOMAIN)) == "TenantExists"
    shared = realm.sources.create_source("corp2.example", fields)
    assert await code_of(shared) == "SourceExists"  # its alias is another's
    own = {"aliases": ["heliostat.local"]}
    assert await code_of(realm.sources.update_source(DOMAIN, own)) == "InvalidEntity"
    assert await signed_in(other, "CORP\\ada", "first program") == "InvalidLoginCredentials"
    # who ends frees what he had
    mine = {**fields, "aliases": []}
    await other.sources.create_source("corp2.example", {**mine, "default": True})
    await kit.identity.tenants.delete_tenant("acme.example")
    await realm.sources.create_source("corp2.example", {**mine, "default": True})
    await realm.sources.update_source(DOMAIN, {"default": True})
    listed = {each.name: each.source.default for each in await realm.sources.list_sources()}
    assert listed == {DOMAIN: True, "corp2.example": False}


async def test_two_sources_at_once_do_not_share_a_name_nor_are_both_the_default(
    realm: Realm,
) -> None:
    good = {"urls": ["ldaps://ldap.corp.example"], "people_base": BASE, "default": True}
    made = await asyncio.gather(
        *(
            realm.sources.create_source(f"{name}.example", {**good, "aliases": ["CORP"]})
            for name in ("corp1", "corp2")
        ),
        return_exceptions=True,
    )
    codes = [each.code for each in made if isinstance(each, HeliostatError)]
    assert codes == ["SourceExists"]
    both = (realm.sources.create_source(f"{name}.example", good) for name in ("corp3", "corp4"))
    await asyncio.gather(*both)
    listed = await realm.sources.list_sources()
    assert [each.source.default for each in listed].count(True) == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"urls": ["ldaps://ldap.corp.example", "ldaps://mine.example"]},
        {"urls": ["ldap://ldap.corp.example"], "plain": True},
        {"urls": ["ldap://again.corp.example"], "start_tls": False, "plain": True},
        {"start_tls": False, "plain": True},
    ],
)
async def test_a_kept_password_goes_to_nobody_new(realm: Realm, elsewhere: dict[str, Any]) -> None:
    urls = ["ldaps://ldap.corp.example", "ldap://again.corp.example"]
    who = {"bind_dn": "cn=reader", "bind_password": "only for them"}
    good = {"urls": urls, "start_tls": True, "people_base": BASE, **who}
    await realm.sources.create_source(DOMAIN, good)
    assert await code_of(realm.sources.update_source(DOMAIN, elsewhere)) == "InvalidEntity"
    await realm.sources.update_source(DOMAIN, {"urls": urls[:1], "description": "one left"})
    await realm.sources.update_source(DOMAIN, {**elsewhere, "bind_password": "said again"})


async def test_a_server_without_a_name_of_a_host_is_out_of_reach(realm: Realm) -> None:
    bad = {"urls": ["ldaps://a..b", f"ldaps://{'a' * 64}.example"], "people_base": BASE}
    await realm.sources.create_source(DOMAIN, bad)
    login = realm.people.authenticate(f"ada@{DOMAIN}", "a password")
    assert await code_of(login) == "SourceUnavailable"


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": []},
        {"urls": ["ldap://plain.example"]},
        {"urls": ["http://x"]},
        {"urls": ["ldaps://a", "ldaps://a"]},
        {"kind": "nis"},
        {"people_base": ""},
        {"people_base": "corp"},
        {"groups_base": "corp"},
        {"people_filter": "(uid=*"},
        {"attributes": {"shoe": "size"}},
        {"attributes": {"name": ""}},
        {"attributes": {"name": "u id"}},
        {"bind_dn": "cn=x"},
        {"bind_password": "x"},
        {"roots_pem": "none"},
        {"timeout_s": 0.0},
        {"timeout_s": 100.0},
        {"aliases": ["a b"]},
        {"aliases": ["x"] * 20},
        {"description": "x" * 1000},
    ],
)
async def test_what_can_not_be_used_is_refused(realm: Realm, wrong: dict[str, Any]) -> None:
    good = {"urls": ["ldaps://ldap.corp.example"], "people_base": BASE}
    assert await code_of(realm.sources.create_source(DOMAIN, {**good, **wrong})) == "InvalidEntity"


async def test_their_sessions_are_their_own_where_they_signed_in(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any]
) -> None:
    await realm.sources.create_source(DOMAIN, fields)
    answer = await ask(
        kit, grant_type="password", username="CORP\\ada", password="first program", scope=SCOPE
    )
    principal = await kit.identity.verify(answer.access_token)
    call = SimpleNamespace(
        services=SimpleNamespace(directories=kit.identity.directories),
        principal=principal,
        caller=principal,
    )
    (own,) = await identity_sessions._own(cast(Call, call))
    assert (own.subject, own.what) == ("ada@corp.example", "program")


@pytest.mark.parametrize("tenant", ["heliostat.local", "acme.example"])
async def test_nobody_reaches_what_the_operator_has_not_opened(
    tmp_path: Path, fields: dict[str, Any], slapd: SmallSlapd, tenant: str
) -> None:
    """An address is refused at once, a name when it is resolved; nothing is connected to."""
    closed = await start_identity(tmp_path / "closed", replace(OPTIONS, reach=ReachOptions()))
    await closed.identity.tenants.create_tenant("acme.example")
    realm = await closed.identity.realms.get(tenant)
    for url in (slapd.tls_url, "ldaps://[::1]", "ldaps://169.254.169.254"):
        change = {**fields, "urls": [url]}
        assert await code_of(realm.sources.create_source(DOMAIN, change)) == "AddressRefused"
        planned = realm.sources.create_source(DOMAIN, change, plan=True)
        assert await code_of(planned) == "AddressRefused"
    port = slapd.tls_url.rpartition(":")[2]
    named = {**fields, "urls": [f"ldaps://localhost:{port}", f"ldaps://0x7f.1:{port}"]}
    for url in named["urls"]:
        asked = {**named, "urls": [url]}
        (step,) = await realm.sources.probe_source(DOMAIN, asked, saved=False)
        assert step.step == "resolve"
        assert "127.0.0.1 is the controller's own machine" in step.sentence
    await realm.sources.create_source(DOMAIN, named)
    assert await signed_in(realm, "CORP\\ada", "first program") == "SourceUnavailable"
    (first, _) = (await realm.sources.get_source(DOMAIN)).servers
    assert "is out of reach" in first.sentence
    closed.identity.close()
    await closed.store.close()
