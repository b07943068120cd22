"""What every directory promises, whoever keeps its people."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.contract.directory import FIRST_NUMBER, Directory
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.search import EntryKind, Query, Scope
from heliostat.identity.service_accounts.credentials import MOST
from heliostat.testing.account_keys import SERVER, certificate, p256, pem_of, public_pem, x5c
from heliostat.testing.signin import OTHER_PASSWORD, PASSWORD, code_of, new_key_pair

DOMAIN = "heliostat.local"
SUFFIX = "dc=heliostat,dc=local"
SMALL = rsa.generate_private_key(65537, 1024)
LONG = (-1.0, 30_000.0)
SSH_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi ada@laptop"
)


async def found(directory: Directory, text: str, **query: object) -> list[str]:
    """Names that a search finds, in its order."""
    asked = Query(parse(text), **query)  # type: ignore[arg-type]
    return [entry.name for entry in (await directory.search(asked)).entries]


async def people(directory: Directory) -> None:
    """Ada and Grace in a unit of their own, in groups in groups; a robot; two machines."""
    await directory.create_unit("Engineering")
    await directory.create_unit("Engineering/R&D", description="Tries things")
    await directory.create_user(
        "ada",
        PASSWORD,
        given_name="Ada",
        family_name="Lovelace",
        email="Ada@acme.example",
        unit="engineering/r&d",
    )
    await directory.create_user("grace", PASSWORD, email="grace@acme.example", unit="Engineering")
    await directory.create_user("alan", PASSWORD)
    for name in ("Inner", "Outer"):
        await directory.create_group(name)
    await directory.add_member("Outer", "Inner")
    await directory.add_member("Inner", "ada")
    await directory.create_service_account("robot", new_key_pair()[1], ["Outer"])
    await directory.create_computer("web01", operating_system="Debian 12")
    await directory.create_computer("web02", unit="Engineering", certificate_sha256="AB" * 32)


async def test_people_have_attributes_and_numbers_that_nobody_has_again(
    directory: Directory,
) -> None:
    made = await directory.create_user("Ada", PASSWORD, given_name="Ada", description="First")
    assert (made.name, made.unit, made.description) == ("ada", "people", "First")
    assert made.number >= FIRST_NUMBER
    changed = await directory.change_user(
        f"{DOMAIN.upper()}\\ADA", email="ada@acme.example", ssh_public_keys=[SSH_KEY, SSH_KEY]
    )
    assert (changed.given_name, changed.email) == ("Ada", "ada@acme.example")
    assert changed.ssh_public_keys == (SSH_KEY,)
    assert await directory.get_user("ada") == changed
    assert (await directory.change_user("ada", description="x", plan=True)).description == "x"
    assert await directory.get_user("ada") == changed
    await directory.delete_user("ada")
    again = await directory.create_user("ada", PASSWORD)
    group = await directory.create_group("Ops")
    assert len({made.number, again.number, group.number}) == 3
    assert again.ssh_public_keys == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "no address"},
        {"email": "a@b\n"},
        {"given_name": "A\0da"},
        {"family_name": "x" * 300},
        {"description": "two\nlines"},
        {"ssh_public_keys": ["ssh-rsa AAAA"]},
        {"ssh_public_keys": [f'command="id" {SSH_KEY}']},
        {"ssh_public_keys": [SSH_KEY.replace("ssh-ed25519", "ssh-rsa")]},
        {"certificates": ["no certificate"]},
    ],
)
async def test_fields_are_checked(directory: Directory, fields: dict[str, object]) -> None:
    await directory.create_user("ada", PASSWORD)
    change = directory.change_user("ada", **fields)  # type: ignore[arg-type]
    assert await code_of(change) == "InvalidEntity"
    create = directory.create_user("bob", PASSWORD, **fields)  # type: ignore[arg-type]
    assert await code_of(create) == "InvalidEntity"


async def test_signing_in_asks_the_same_of_everybody(directory: Directory) -> None:
    await people(directory)
    person = await directory.authenticate(f"ADA@{DOMAIN}", PASSWORD)
    assert person.subject == f"ada@{DOMAIN}"
    assert person.groups == (f"{DOMAIN}\\Inner", f"{DOMAIN}\\Outer")
    assert await directory.person("ada") == person
    await directory.set_disabled("grace", True)
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("grace", PASSWORD), ("", "")):
        assert await code_of(directory.authenticate(name, password)) == "InvalidLoginCredentials"
    await directory.set_password("ada", OTHER_PASSWORD)
    after = await directory.authenticate("ada", OTHER_PASSWORD)
    assert after.stamp != person.stamp
    assert await directory.person("grace") is None
    assert (await directory.account("robot")).groups == (f"{DOMAIN}\\Outer",)


async def test_lists_come_in_pages_and_nobody_is_shown_twice(directory: Directory) -> None:
    for name in ("dora", "bob", "carol"):
        await directory.create_user(name, PASSWORD)
    first = await directory.page_users(limit=2)
    assert [user.name for user in first.items] == ["administrator", "bob"]
    await directory.delete_user("bob")
    await directory.create_user("anna", PASSWORD)
    second = await directory.page_users(limit=2, after=first.after)
    assert ([user.name for user in second.items], second.after) == (["carol", "dora"], "")
    assert [each.name for each in (await directory.page_users(limit=9, name="DORA")).items] == [
        "dora"
    ]
    assert not (await directory.page_users(limit=9, name="x/y")).items


async def test_units_are_a_tree_that_things_move_in(directory: Directory) -> None:
    await people(directory)
    paths = [unit.path for unit in await directory.list_units()]
    assert paths == ["computers", "Engineering", "Engineering/R&D", "groups", "people", "services"]
    assert (await directory.get_user("ada")).unit == "Engineering/R&D"
    attempts: list[tuple[Awaitable[object], str]] = [
        (directory.create_unit("engineering"), "UnitExists"),
        (directory.create_unit("People"), "UnitExists"),
        (directory.create_unit("nowhere/x"), "UnitNotFound"),
        (directory.create_unit("a,b"), "InvalidName"),
        (directory.create_unit(""), "InvalidName"),
        (directory.delete_unit("Engineering"), "UnitNotEmpty"),
        (directory.delete_unit("people"), "InvalidOperation"),
        (directory.delete_unit("x" * 2000), "UnitNotFound"),
        (directory.delete_unit("/".join("a" * 99)), "UnitNotFound"),
        (directory.change_unit("people", to="folk"), "InvalidOperation"),
        (directory.change_unit("Engineering", to="engineering/r&d/e"), "InvalidOperation"),
        (directory.change_unit("Engineering/R&D", to="Engineering/R&D/x"), "InvalidOperation"),
        (directory.create_user("eve", PASSWORD, unit="nowhere"), "UnitNotFound"),
        (directory.move(EntryKind.USER, "nobody", "people"), "UserNotFound"),
        (directory.move(EntryKind.USER, "ada", "nowhere"), "UnitNotFound"),
        (directory.move(EntryKind.USER, "ada", "/"), "UnitNotFound"),
    ]
    for attempt, code in attempts:
        assert await code_of(attempt) == code
    moved = await directory.change_unit("Engineering/R&D", to="research")
    assert moved.path == "research"
    assert moved.description == "Tries things"
    assert (await directory.change_unit("research", description="New")).description == "New"
    assert (await directory.change_group("Inner", description="In", unit="research")).unit == (
        "research"
    )
    assert (await directory.change_group("Inner", unit="")).description == "In"
    assert (await directory.change_computer("web01", unit="research")).unit == "research"
    assert (await directory.change_user("alan", unit="research", disabled=True)).disabled
    assert await directory.person("alan") is None
    assert not (await directory.change_user("alan", unit="", disabled=False)).disabled
    assert (await directory.get_user("ada")).unit == "research"
    for kind, name in (
        (EntryKind.USER, "ada"),
        (EntryKind.GROUP, "Inner"),
        (EntryKind.ACCOUNT, "robot"),
        (EntryKind.COMPUTER, "web01"),
    ):
        await directory.move(kind, name, "Engineering")
        assert name in await found(directory, "(objectClass=*)", base="engineering")
    await directory.delete_unit("research")
    assert await code_of(directory.get_unit("research")) == "UnitNotFound"
    await directory.move(EntryKind.USER, "ada", "")
    assert (await directory.get_user("ada")).unit == "people"


async def test_computers(directory: Directory) -> None:
    await people(directory)
    web02 = await directory.get_computer("WEB02")
    assert (web02.unit, web02.certificate_sha256) == ("Engineering", "ab" * 32)
    assert await directory.computer_with("ab" * 32) == web02
    assert await directory.computer_with("cd" * 32) is None
    seen = await directory.change_computer("web01", last_seen_ms=1_700_000_000_000, disabled=True)
    assert (seen.operating_system, seen.disabled) == ("Debian 12", True)
    attempts: list[tuple[Awaitable[object], str]] = [
        (directory.create_computer("WEB01"), "ComputerExists"),
        (directory.create_computer("a b"), "InvalidName"),
        (directory.change_computer("web01", certificate_sha256="zz"), "InvalidEntity"),
        (directory.get_computer("web03"), "ComputerNotFound"),
    ]
    for attempt, code in attempts:
        assert await code_of(attempt) == code
    assert (await directory.delete_computer("web01")).name == "web01"
    assert [each.name for each in (await directory.page_computers(limit=9)).items] == ["web02"]


SEARCHES = [
    ("(uid=ada)", {}, ["ada"]),
    ("uid=ADA", {}, ["ada"]),
    ("(&(objectClass=posixAccount)(uid=ada))", {}, ["ada"]),
    ("(mail=ada@ACME.example)", {}, ["ada"]),
    ("(mail=*@acme.example)", {}, ["ada", "grace"]),
    ("(cn=ada  lovelace)", {}, ["ada"]),
    ("(sn=Love*)", {}, ["ada"]),
    ("(cn=*d*lov*ce)", {}, ["ada"]),
    ("(uid=a*)", {}, ["ada", "administrator", "alan"]),
    ("(|(uid=ada)(cn=web01)(ou=engineering))", {}, ["Engineering", "ada", "web01"]),
    ("(&(uid=*)(!(mail=*)))", {}, ["administrator", "alan", "robot"]),
    ("(&(objectClass=groupOfNames)(cn=o*))", {}, ["Outer"]),
    (f"(memberOf=cn=Inner,ou=groups,{SUFFIX})", {}, ["ada"]),
    (f"(memberOf=CN=outer, OU=Groups,{SUFFIX})", {}, ["ada", "Inner", "robot"]),
    (f"(&(sn=*)(memberOf=cn=Outer,ou=groups,{SUFFIX}))", {}, ["ada"]),
    (f"(&(sn=*)(!(memberOf=cn=Outer,ou=groups,{SUFFIX})))", {}, ["administrator", "alan", "grace"]),
    (f"(memberOf=cn=Nothing,ou=groups,{SUFFIX})", {}, []),
    (f"(member=uid=ada,ou=R&D,ou=Engineering,{SUFFIX})", {}, ["Inner"]),
    (f"(member=uid=ada,ou=people,{SUFFIX})", {}, []),
    (f"(member=cn=Inner,ou=groups,{SUFFIX})", {}, ["Outer"]),
    (f"(uidNumber>={FIRST_NUMBER})", {}, ["ada", "administrator", "alan", "grace"]),
    (f"(uidNumber<={FIRST_NUMBER - 1})", {}, []),
    ("(uid>=a)", {}, []),
    ("(!(uid>=a))", {}, []),
    ("(nothing=x)", {}, []),
    ("(operatingSystem=debian*)", {}, ["web01"]),
    ("(objectClass=device)", {"base": "Engineering"}, ["web02"]),
    ("(objectClass=person)", {"base": "engineering"}, ["ada", "grace"]),
    ("(objectClass=person)", {"base": "engineering", "scope": Scope.ONE}, ["grace"]),
    ("(objectClass=*)", {"base": "engineering", "scope": Scope.ONE}, ["R&D", "grace", "web02"]),
    ("(objectClass=*)", {"base": "people"}, ["people", "administrator", "alan"]),
    (
        "(objectClass=*)",
        {"scope": Scope.ONE},
        ["computers", "Engineering", "groups", "people", "services"],
    ),
    ("(objectClass=*)", {"kinds": frozenset({EntryKind.ACCOUNT})}, ["robot"]),
]


async def test_several_members_change_at_once_or_not_at_all(directory: Directory) -> None:
    await directory.create_group("Team")
    for name in ("ann", "ben", "cleo"):
        await directory.create_user(name, PASSWORD)
    await directory.change_members("Team", add=("ann", "ben"))

    async def members() -> list[str]:
        return [each.partition("@")[0] for each in (await directory.get_group("Team")).members]

    planned = await directory.change_members("Team", add=("cleo",), remove=("ann",), plan=True)
    assert [each.partition("@")[0] for each in planned.members] == ["ben", "cleo"]
    assert await members() == ["ann", "ben"]
    for add, remove, code in (
        (("cleo", "nobody"), (), "UserNotFound"),
        (("cleo",), ("ann", "cleo"), "UserNotFound"),
        (("cleo", "Team"), (), "CyclicGroups"),
        (tuple(f"m{number}" for number in range(81)), (), "InvalidEntity"),
    ):
        assert await code_of(directory.change_members("Team", add=add, remove=remove)) == code
        assert await members() == ["ann", "ben"]
    await directory.change_members("Team", add=("cleo", "ben"), remove=("ann",))
    assert await members() == ["ben", "cleo"]


async def test_searches(directory: Directory) -> None:
    await people(directory)
    for text, query, expected in SEARCHES:
        assert await found(directory, text, **query) == expected, text  # type: ignore[arg-type]
    whole = (await directory.search(Query(parse("(uid=ada)")))).entries[0]
    assert whole.dn == f"uid=ada,ou=R&D,ou=Engineering,{SUFFIX}"
    unit = (await directory.search(Query(parse("(ou=r&d)")))).entries[0]
    assert unit.dn == f"ou=R&D,ou=Engineering,{SUFFIX}"
    groups = ("cn=Inner", "cn=Outer")
    assert whole.attributes["memberOf"] == tuple(f"{cn},ou=groups,{SUFFIX}" for cn in groups)
    assert not any("argon2" in value for values in whole.attributes.values() for value in values)
    assert await code_of(directory.search(Query(base="nowhere"))) == "UnitNotFound"
    assert await code_of(directory.search(Query(after="made up"))) == "PageExpired"


async def test_pages_of_a_search_survive_changes(directory: Directory) -> None:
    await people(directory)
    everything = await found(directory, "(objectClass=*)")
    names: list[str] = []
    after = ""
    while True:
        page = await directory.search(Query(limit=2, after=after))
        names += [entry.name for entry in page.entries]
        after = page.after
        if not after:
            break
        if "ada" in names and "aaron" not in everything:
            await directory.create_user("aaron", PASSWORD)  # before the cursor: not shown any more
            await directory.delete_user("ada")
            everything.append("aaron")
    everything.remove("aaron")
    assert names == everything


@pytest.mark.parametrize(
    "directory",
    ["embedded", pytest.param("openldap", marks=[pytest.mark.slow, pytest.mark.takes(12)])],
    indirect=True,
)
async def test_whoever_is_in_many_groups_leaves_all_of_them(directory: Directory) -> None:
    await directory.create_user("ada", PASSWORD)
    await directory.create_user("bob", PASSWORD)
    await directory.create_group("Inner")
    for number in range(70):
        await directory.create_group(f"g{number}")
        await directory.add_member(f"g{number}", "ada")
    await directory.add_member("g0", "Inner")
    await directory.add_member("Inner", "bob")
    assert len((await directory.get_user("ada")).groups) == 70
    await directory.delete_user("ada")
    assert (await directory.create_user("ada", PASSWORD)).groups == ()
    for number in range(100):
        await directory.create_group(f"m{number}")
        await directory.add_member("g0", f"m{number}")
    await directory.delete_group("g0")
    assert (await directory.get_user("bob")).groups == (f"{DOMAIN}\\Inner",)
    with pytest.raises(HeliostatError, match="GroupNotFound"):
        await directory.get_group("g0")


async def test_service_accounts_have_several_keys_and_certificates(directory: Directory) -> None:
    first, second = p256(), ed25519.Ed25519PrivateKey.generate()
    made = await directory.create_service_account(
        "Robot", public_pem(first), description="Builds", days=30
    )
    (old,) = made.keys
    assert (made.name, made.description, made.disabled) == ("robot", "Builds", False)
    assert (old.algorithm, old.expires_ms - old.created_ms) == ("ES256", 30 * 86_400_000)
    planned = await directory.add_account_key("robot", public_pem(second), plan=True)
    assert len(planned.keys) == 2
    assert await directory.get_service_account("robot") == made
    both = await directory.add_account_key(f"ROBOT@{DOMAIN}", public_pem(second), title="laptop")
    assert await directory.list_service_accounts() == [both]
    again = directory.add_account_key("robot", public_pem(second))
    assert await code_of(again) == "AccountKeyExists"
    shown = certificate(p256(), days=(-1, 30_000))
    held = await directory.add_account_certificate("robot", pem_of(shown))
    (kept,) = held.certificates
    assert (kept.subject, kept.pem) == ("CN=from elsewhere", pem_of(shown))
    assert await code_of(directory.add_account_certificate("robot", pem_of(shown))) == (
        "AccountKeyExists"
    )
    assert await found(directory, "(userCertificate=*)") == ["robot"]
    (entry,) = (await directory.search(Query(parse("(uid=robot)")))).entries
    assert entry.attributes["userCertificate"] == (*x5c(shown),)
    assert await code_of(directory.remove_account_key("robot", "none")) == "AccountKeyNotFound"
    await directory.remove_account_key("robot", old.kid)
    left = await directory.remove_account_key("robot", both.keys[1].kid)
    assert (left.keys, left.certificates) == ((), held.certificates)
    last = directory.remove_account_certificate("robot", kept.sha256)
    assert await code_of(last) == "LastAccountKey"
    bare = await directory.remove_account_certificate("robot", kept.sha256, force=True)
    assert (bare.keys, bare.certificates) == ((), ())
    assert await directory.list_service_accounts() == [bare]
    await directory.add_account_key("robot", public_pem(first))
    for verb in (directory.add_account_key, directory.remove_account_key):
        assert await code_of(verb("nobody", public_pem(first))) == "ServiceAccountNotFound"


async def test_service_accounts_are_described_and_disabled(directory: Directory) -> None:
    await directory.create_service_account("robot", new_key_pair()[1])
    with_it = await directory.create_service_account(
        "other", pem_of(certificate(p256(), days=LONG))
    )
    assert ([*with_it.keys], len(with_it.certificates)) == ([], 1)
    off = await directory.change_service_account("robot", description="Old", disabled=True)
    assert (off.description, off.disabled) == ("Old", True)
    assert await directory.get_service_account("robot") == off
    assert await code_of(directory.account("robot")) == "ServiceAccountNotFound"
    assert await found(directory, "(accountDisabled=TRUE)") == ["robot"]
    assert await found(directory, "(&(uid=robot)(description=old))") == ["robot"]
    on = await directory.change_service_account("robot", disabled=False)
    assert (on.description, on.disabled) == ("Old", False)
    assert (await directory.account("robot")).subject == f"robot@{DOMAIN}"
    assert await found(directory, "(accountDisabled=TRUE)") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (pem_of(certificate(p256(), days=(-3, -2))), "expired"),
        (pem_of(certificate(p256(), days=(1, 2))), "does not count yet"),
        (pem_of(certificate(p256(), days=LONG, authority=True)), "an authority's"),
        (pem_of(certificate(p256(), days=LONG, usages=SERVER)), "not for clients"),
        (pem_of(certificate(p256(), days=LONG, signs=False)), "may not sign"),
        (pem_of(certificate(SMALL, days=LONG)), "1024 bits"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "PEM"),
        (new_key_pair()[1], "PEM"),
    ],
)
async def test_certificates_of_accounts_are_checked(
    directory: Directory, text: str, word: str
) -> None:
    await directory.create_service_account("robot", new_key_pair()[1])
    with pytest.raises(HeliostatError) as caught:
        await directory.add_account_certificate("robot", text)
    assert caught.value.code == "InvalidEntity"
    assert word in caught.value.message


async def test_an_account_has_only_so_many_keys(directory: Directory) -> None:
    await directory.create_service_account("robot", public_pem(p256()))
    for _ in range(MOST - 1):
        await directory.add_account_key("robot", public_pem(p256()))
    more = directory.add_account_key("robot", public_pem(p256()))
    assert await code_of(more) == "InvalidEntity"
    for days in (-1, 100_000):
        wrong = directory.create_service_account("x", public_pem(p256()), days=days)
        assert await code_of(wrong) == "InvalidEntity"
