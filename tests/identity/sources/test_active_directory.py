"""People of an Active Directory domain sign in: judged by Samba's domain controller.

Needs root, for a network of its own: the ports of a domain controller are fixed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.search import Query
from heliostat.identity.realm import Realm
from heliostat.testing.domain_controller import (
    ADMINISTRATOR,
    BASE,
    DOMAIN,
    PASSWORD,
    DomainController,
    domain_controller,
)
from heliostat.testing.readable import SEARCHES, names_found, names_of_entries
from heliostat.testing.signin import SCOPE, IdentityKit, ask, code_of, refresh

pytestmark = [
    pytest.mark.slow,
    pytest.mark.takes(20),
    pytest.mark.skipif(os.geteuid() != 0, reason="a domain controller needs root"),
]
THRESHOLD = 4


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DomainController]:
    with domain_controller(tmp_path_factory.mktemp("samba") / "dc") as made:
        for name in ("ada", "bob", "carol", "dora", "emil", "finn", "gus"):
            made.tool(
                "user", "create", name, secret(name), f"--given-name={name.title()}",
                "--surname=Example", f"--mail-address={name}@mail.example",
            )  # fmt: skip
        made.tool("user", "disable", "dora")
        made.tool(
            "user", "setpassword", "emil", f"--newpassword={secret('emil')}",
            "--must-change-at-next-login",
        )  # fmt: skip
        for name in ("Inner", "Cloud Admins", "Outer"):
            made.tool("group", "add", name)
        made.tool("group", "add", "Newsletter", "--group-type=Distribution")
        for group, member in (
            ("Inner", "ada"),
            ("Newsletter", "ada"),
            ("Cloud Admins", "Inner"),
            ("Outer", "Cloud Admins"),
        ):
            made.tool("group", "addmembers", group, member)
        made.tool(
            "domain", "passwordsettings", "set", f"--account-lockout-threshold={THRESHOLD}",
            "--account-lockout-duration=30", "--reset-account-lockout-after=30",
        )  # fmt: skip
        yield made


def secret(name: str) -> str:
    return f"Passw0rd-of-{name}"


@pytest.fixture
def fields(controller: DomainController) -> dict[str, Any]:
    return {
        "kind": "active-directory",
        "urls": [controller.url],
        "aliases": ["CORP"],
        "roots_pem": controller.roots_pem,
        "people_base": BASE,
        "bind_dn": ADMINISTRATOR,
        "bind_password": PASSWORD,
    }


@pytest.fixture
async def realm(kit: IdentityKit, fields: dict[str, Any]) -> Realm:
    found = await kit.identity.realms.get(kit.identity.options.domain)
    await found.sources.create_source(DOMAIN, fields)
    return found


async def signed_in(realm: Realm, username: str, password: str) -> str:
    """The subject, or the code of the refusal."""
    try:
        return (await realm.people.authenticate(username, password)).subject
    except HeliostatError as error:
        return error.code


async def test_people_of_a_domain_sign_in(realm: Realm) -> None:
    refused = "InvalidLoginCredentials"
    for username, password, expected in (
        ("CORP\\ada", secret("ada"), "ada@corp.example"),
        ("ada@corp.example", secret("ada"), "ada@corp.example"),
        ("Ada@CORP.EXAMPLE", secret("ada"), "ada@corp.example"),
        ("CORP\\ada", secret("bob"), refused),
        ("CORP\\nobody", secret("ada"), refused),
        ("CORP\\ada", "", refused),
        ("CORP\\a*", secret("ada"), refused),
        ("CORP\\dora", secret("dora"), refused),
        ("CORP\\dora", "wrong", refused),
        ("CORP\\emil", secret("emil"), "PasswordExpired"),
        ("CORP\\emil", "wrong", refused),
    ):
        assert await signed_in(realm, username, password) == expected, username
    ada = await realm.people.authenticate("CORP\\ada", secret("ada"))
    names = ("Cloud Admins", "Domain Users", "Inner", "Outer", "Users", "ada")
    assert ada.groups == tuple(f"CORP.EXAMPLE\\{name}" for name in names)
    assert (ada.given_name, ada.family_name, ada.email) == ("Ada", "Example", "ada@mail.example")
    await realm.sources.update_source(DOMAIN, {"groups_filter": "(cn=Cloud*)"})
    again = await realm.people.authenticate("CORP\\ada", secret("ada"))
    assert again.groups == ("CORP.EXAMPLE\\Cloud Admins", "CORP.EXAMPLE\\ada")
    assert again.key == ada.key


async def test_a_group_of_the_domain_administers_ours(kit: IdentityKit, realm: Realm) -> None:
    view = await realm.members.add_member("Administrators", "CORP\\Cloud Admins")
    assert "CORP.EXAMPLE\\Cloud Admins" in view.members
    for name, administers in (("ada", True), ("bob", False)):
        answer = await ask(
            kit, grant_type="password", username=f"CORP\\{name}", password=secret(name),
            scope=SCOPE,
        )  # fmt: skip
        principal = await kit.identity.verify(answer.access_token)
        assert principal.is_system_admin == administers


async def test_what_happens_there_ends_sessions_here(
    kit: IdentityKit, realm: Realm, controller: DomainController
) -> None:
    async def session(name: str) -> str:
        answer = await ask(
            kit, grant_type="password", username=f"CORP\\{name}", password=secret(name),
            scope=SCOPE,
        )  # fmt: skip
        return answer.refresh_token

    kept = {name: await session(name) for name in ("bob", "carol", "finn")}
    controller.tool("user", "setpassword", "bob", f"--newpassword={secret('bob')}")
    controller.tool("user", "disable", "carol")
    controller.tool("user", "rename", "finn", "--samaccountname=phineas")
    await kit.clock.advance(6)
    assert await code_of(refresh(kit, kept["bob"])) == "InvalidGrant"
    assert await code_of(refresh(kit, kept["carol"])) == "InvalidGrant"
    renewed = await refresh(kit, kept["finn"])
    principal = await kit.identity.verify(renewed.access_token)
    assert principal.subject == "phineas@corp.example"  # it is still he, by another name


async def test_guessing_through_us_locks_nobody_out_there(
    kit: IdentityKit, realm: Realm, controller: DomainController
) -> None:
    """Theirs is at four wrong passwords; ours lets three through, and waits as long as they."""
    for number in range(10):
        guess = f"guess {number}"
        assert await signed_in(realm, "CORP\\gus", guess) == "InvalidLoginCredentials"
    assert await signed_in(realm, "CORP\\gus", secret("gus")) == "InvalidLoginCredentials"
    shown = controller.tool("user", "show", "gus", "--attributes=badPwdCount,lockoutTime")
    assert f"badPwdCount: {THRESHOLD - 1}" in shown
    await kit.clock.advance(30 * 60 - 10)
    assert await signed_in(realm, "CORP\\gus", secret("gus")) == "InvalidLoginCredentials"
    await kit.clock.advance(11)
    assert await signed_in(realm, "CORP\\gus", secret("gus")) == "gus@corp.example"
    # who is locked there by other means is refused, and his sessions go on
    key = (await realm.people.authenticate("CORP\\gus", secret("gus"))).key
    people = await realm.sources.spelled("CORP")
    assert people is not None
    for _ in range(THRESHOLD):
        await people.servers.prove("gus@corp.example", "wrong")
    shown = controller.tool("user", "show", "gus", "--attributes=lockoutTime")
    assert "lockoutTime: 1" in shown
    await kit.clock.advance(6)
    assert await signed_in(realm, "CORP\\gus", secret("gus")) == "InvalidLoginCredentials"
    assert await realm.people.person(key) is not None


async def test_a_probe_of_a_domain(
    realm: Realm, fields: dict[str, Any], controller: DomainController, tmp_path: Path
) -> None:
    both = {**fields, "urls": [controller.url, f"ldap://{controller.address}"], "start_tls": True}
    steps = await realm.sources.probe_source(DOMAIN, both, person="ada", saved=False)
    assert [each.step for each in steps if not each.well] == []
    assert steps[2].sentence == "TLSv1.3 with dc1.corp.example, whose certificate is trusted."
    assert "ada@corp.example (CN=Ada Example,CN=Users" in steps[-1].sentence
    assert "in Cloud Admins, Domain Users, Inner, Outer, Users." in steps[-1].sentence
    unencrypted = {**fields, "urls": [f"ldap://{controller.address}"], "plain": True}
    steps = await realm.sources.probe_source(DOMAIN, unencrypted, saved=False)
    assert "the server wants TLS or stronger signing" in steps[-1].sentence
    # the certificate that Samba makes by itself names no address
    own = controller.folder / "private" / "tls" / "ca.pem"
    assert not own.exists()
    controller.stop()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (controller.folder / name).rename(tmp_path / name)
    controller.start()
    made = (controller.folder / "ca.crt").read_text()
    steps = await realm.sources.probe_source(DOMAIN, {**fields, "roots_pem": made}, saved=False)
    assert "is not trusted: IP address mismatch" in steps[-1].sentence
    steps = await realm.sources.probe_source(DOMAIN, fields, saved=False)
    assert "is not trusted: " in steps[-1].sentence
    controller.stop()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / name).rename(controller.folder / name)
    controller.start()


async def test_a_domain_is_read_as_every_directory_is(
    kit: IdentityKit, realm: Realm, fields: dict[str, Any], controller: DomainController
) -> None:
    """The cases of ``tests/identity/directory``, for what lies in a unit of the domain."""
    site = f"OU=Site,{BASE}"
    for unit in ("Site", "people,OU=Site", "groups,OU=Site", "computers,OU=Site",
                 "Engineering,OU=Site", "R&D,OU=Engineering,OU=Site"):  # fmt: skip
        controller.tool("ou", "add", f"OU={unit},{BASE}")
    controller.tool("user", "delete", "ada")
    for name, unit, *more in (
        ("ada", "OU=R&D,OU=Engineering", "--given-name=Ada", "--surname=Lovelace",
         "--mail-address=Ada@acme.example"),
        ("grace", "OU=Engineering", "--surname=grace", "--mail-address=grace@acme.example"),
        ("alan", "OU=people", "--surname=alan"),
    ):  # fmt: skip
        place = f"--userou={unit},OU=Site"
        controller.tool("user", "create", name, secret(name), place, *more)
    for name in ("Inner", "Outer"):
        controller.tool("group", "delete", name)
        controller.tool("group", "add", name, "--groupou=OU=groups,OU=Site")
    controller.tool("group", "addmembers", "Inner", "ada")
    controller.tool("group", "addmembers", "Outer", "Inner")
    controller.tool("computer", "create", "web01", "--computerou=OU=computers,OU=Site")
    controller.tool("computer", "create", "web02", "--computerou=OU=Engineering,OU=Site")
    await realm.sources.update_source(DOMAIN, {"people_base": site, "bind_password": PASSWORD})
    directory = await realm.sources.directory("CORP")
    dns = await names_of_entries(directory)
    for text, query, expected in SEARCHES:
        if text == "(accountDisabled=TRUE)":
            continue  # Samba's tool makes computers disabled
        asked = text.format(**dns)
        assert await names_found(directory, asked, **query) == expected, asked
    ada = await directory.get_user("CORP\\ada")
    assert (ada.unit, ada.email) == ("Engineering/R&D", "Ada@acme.example")
    assert ada.groups == ("CORP.EXAMPLE\\Inner", "CORP.EXAMPLE\\Outer")
    assert (await directory.get_group("Inner")).members == ("ada@corp.example",)
    by_words = "(&(objectClass=user)(sAMAccountName=ada))"
    assert await names_found(directory, by_words) == ["ada"]
    (entry,) = (await directory.search(Query(parse("(uid=ada)")))).entries
    by_id = f"(entryUUID={entry.attributes['entryUUID'][0]})"
    assert await names_found(directory, by_id) == ["ada"]
    controller.tool("user", "disable", "alan")
    disabled = "(&(uid=*)(accountDisabled=TRUE))"
    assert await names_found(directory, disabled) == ["alan"]
    # the whole domain, where somebody's primary group is in no list
    await realm.sources.update_source(DOMAIN, {"people_base": BASE, "bind_password": PASSWORD})
    whole = await realm.sources.directory(DOMAIN)
    assert "CORP.EXAMPLE\\Domain Users" in (await whole.get_user("ada")).groups
    primary = Query(parse("(&(objectClass=group)(cn=Domain Users))"))
    (users,) = (await whole.search(primary)).entries
    held = f"(&(uid=*)(memberOf={users.dn}))"
    assert await names_found(whole, held) == ["ada", "alan", "grace"]
    machines = [each.name for each in (await whole.page_computers(limit=9)).items]
    assert machines == ["DC1", "web01", "web02"]
    assert "Users" in [each.path for each in await whole.list_units()]
    names: list[str] = []
    after = ""
    while True:
        page = await whole.page_users(limit=2, after=after)
        names += [each.name for each in page.items]
        after = page.after
        if not after:
            break
    assert names == sorted(names)
    assert {"ada", "administrator", "krbtgt"} <= set(names)
