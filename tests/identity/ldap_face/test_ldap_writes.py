"""What administrators write over LDAP is what the verbs of the directory do, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from heliostat.identity.ldap_face.messages import MalformedRequestError, Request, Verb
from heliostat.identity.ldap_face.passwords import PASSWORD_MODIFY, PasswordChange, password_change
from heliostat.testing.ldap_face import ADA, SUFFIX, Served, served
from heliostat.testing.signin import OTHER_PASSWORD, PASSWORD

BOSS = f"uid=boss,ou=people,{SUFFIX}"
NEW = f"uid=new,ou=Engineering,{SUFFIX}"
GRACE = f"uid=grace,ou=R&D,ou=Engineering,{SUFFIX}"
INNER = f"cn=Inner,ou=groups,{SUFFIX}"
PERSON = f"dn: {NEW}\nobjectClass: inetOrgPerson\nuid: new\ncn: New One\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi a@b"

REFUSED: list[tuple[str, str, int]] = [
    (f"{PERSON}sn: One\n", "add", 19),  # no password
    (f"{PERSON}sn: One\nuserPassword: short\n", "add", 19),
    (f"{PERSON}sn: One\ntitle: Dr\nuserPassword: {PASSWORD}\n", "add", 53),
    (f"dn: {ADA}\nobjectClass: person\ncn: a\nsn: a\nuserPassword: {PASSWORD}\n", "add", 68),
    (f"dn: ou=x,ou=nowhere,{SUFFIX}\nobjectClass: organizationalUnit\nou: x\n", "add", 32),
    (f"dn: ou=Engineering,{SUFFIX}\nobjectClass: organizationalUnit\nou: e\n", "add", 68),
    (f"dn: {ADA}\nchangetype: modify\nreplace: uidNumber\nuidNumber: 0\n", "modify", 53),
    (f"dn: {ADA}\nchangetype: modify\nreplace: mail\nmail: none\n", "modify", 19),
    (
        f"dn: {ADA}\nchangetype: modify\ndelete: userPassword\nuserPassword: a wrong one\n",
        "modify",
        53,
    ),
    (f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: uid=x,{SUFFIX}\n", "modify", 19),
    (f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {INNER}\n", "modify", 19),
    (f"dn: {INNER}\nchangetype: modify\nreplace: member\nmember: {ADA}\n", "modify", 53),
    (f"dn: uid=ada,ou=people,{SUFFIX}\nchangetype: modify\nreplace: sn\nsn: x\n", "modify", 32),
    (f"dn: {ADA}\nchangetype: modrdn\nnewrdn: uid=other\ndeleteoldrdn: 1\n", "modify", 53),
    (f"dn: {INNER}\nchangetype: modrdn\nnewrdn: cn=Other\ndeleteoldrdn: 1\n", "modify", 53),
    (f"dn: {ADA}\nchangetype: modify\nreplace: uid\nuid: other\n", "modify", 67),
    (f"dn: {INNER}\nchangetype: modify\nadd: cn\ncn: Other\n", "modify", 67),
    (  # one of three is nobody: none of them is in it after
        f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {BOSS}\n"
        f"member: uid=nobody,ou=people,{SUFFIX}\nmember: {GRACE}\n",
        "modify",
        19,
    ),
    (  # and one who is no member can't be taken out
        f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {BOSS}\n-\n"
        f"delete: member\nmember: {GRACE}\n",
        "modify",
        32,
    ),
    (
        f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {BOSS}\n-\n"
        "replace: description\ndescription: x\n",
        "modify",
        53,
    ),
    (f"dn: {INNER}\nchangetype: modify\ndelete: member\n", "modify", 53),
    (f"dn: ou=Engineering,{SUFFIX}\nchangetype: delete\n", "modify", 66),
    (f"dn: ou=people,{SUFFIX}\nchangetype: delete\n", "modify", 53),
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as made:
        yield made


async def written(site: Served, text: str, how: str = "modify", bind: str = BOSS) -> int:
    path = site.ca.with_name("change.ldif")
    path.write_text(text)
    return await site.code(f"ldap{how}", "-f", str(path), bind=bind)


async def test_what_administrators_write(site: Served) -> None:
    directory = site.kit.identity.directory
    assert (
        await written(site, f"{PERSON}sn: One\ngivenName: New\nuserPassword: {PASSWORD}\n", "add")
        == 0
    )
    change = (
        f"dn: {NEW}\nchangetype: modify\nreplace: mail\nmail: new@acme.example\n-\n"
        f"add: sshPublicKey\nsshPublicKey: {KEY}\n-\ndelete: givenName\n"
    )
    assert await written(site, change) == 0
    made = await directory.get_user("new")
    assert (made.unit, made.family_name, made.given_name) == ("Engineering", "One", "")
    assert (made.email, made.ssh_public_keys) == ("new@acme.example", (KEY,))
    assert await site.code("ldapwhoami", bind=NEW) == 0
    member = f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {NEW}\n"
    assert await written(site, member) == 0
    assert f"new@{site.kit.identity.options.domain}" in (await directory.get_group("Inner")).members
    assert await written(site, member.replace("add:", "delete:")) == 0
    assert (await directory.get_user("new")).groups == ()
    lab = f"dn: ou=Lab,ou=Engineering,{SUFFIX}\nobjectClass: organizationalUnit\nou: Lab\n"
    assert await written(site, lab, "add") == 0
    words = ("-r", "-s", f"ou=Lab,ou=Engineering,{SUFFIX}", NEW, "uid=new")
    assert await site.code("ldapmodrdn", *words, bind=BOSS) == 0
    assert (await directory.get_user("new")).unit == "Engineering/Lab"
    device = f"dn: cn=web02,ou=computers,{SUFFIX}\nobjectClass: device\ncn: web02\n"
    assert await written(site, device, "add") == 0
    moved = f"uid=new,ou=Lab,ou=Engineering,{SUFFIX}"
    for dn in (moved, f"cn=web02,ou=computers,{SUFFIX}", f"ou=Lab,ou=Engineering,{SUFFIX}"):
        assert await site.code("ldapdelete", dn, bind=BOSS) == 0
    told = {each.operation for each in site.told if each.error is None}
    assert told >= {"signIn", "createUser", "updateUser", "addGroupMember", "deleteComputer"}
    assert {each.subject for each in site.told if each.operation == "createUser"} == {
        "boss@heliostat.local"
    }


async def test_what_is_refused_changes_nothing(site: Served) -> None:
    before = await site.kit.identity.directory.get_user("ada")
    members = (await site.kit.identity.directory.get_group("Inner")).members
    for text, how, code in REFUSED:
        assert await written(site, text, how) == code, text
        assert await written(site, text, how, bind=ADA) in (50, 21), text
    assert await site.code("ldapdelete", "uid=eve,ou=people,dc=acme,dc=example", bind=ADA) == 50
    assert await site.kit.identity.directory.get_user("ada") == before
    assert (await site.kit.identity.directory.get_group("Inner")).members == members
    refusals = [each for each in site.told if each.error is not None and each.dn]
    assert {each.subject for each in refusals} == {"ada@heliostat.local", "boss@heliostat.local"}


async def test_several_members_in_one_request(site: Served) -> None:
    directory = site.kit.identity.directory
    assert len((await directory.get_group("Inner")).members) == 1  # ada
    several = (
        f"dn: {INNER}\nchangetype: modify\nadd: member\nmember: {BOSS}\nmember: {GRACE}\n-\n"
        f"delete: member\nmember: {ADA}\n-\nadd: member\nmember: {BOSS}\n"
    )
    revision = await site.kit.store.revision()
    assert await written(site, several) == 0
    assert await site.kit.store.revision() == revision + 1  # one commit
    domain = site.kit.identity.options.domain
    found = (await directory.get_group("Inner")).members
    assert found == (f"boss@{domain}", f"grace@{domain}")
    assert site.told[-1].operation == "updateGroup"
    both = f"dn: {INNER}\nchangetype: modify\ndelete: member\nmember: {BOSS}\nmember: {GRACE}\n"
    assert await written(site, both) == 0
    assert (await directory.get_group("Inner")).members == ()
    assert site.told[-1].operation == "removeGroupMember"


async def test_passwords(site: Served) -> None:
    assert await site.code("ldappasswd", "-a", "wrong", "-s", OTHER_PASSWORD) == 1
    assert await site.code("ldappasswd", "-a", PASSWORD, "-s", "short") == 1
    assert await site.code("ldappasswd", "-s", OTHER_PASSWORD, BOSS) == 1
    assert await site.code("ldappasswd", "-a", PASSWORD, "-s", OTHER_PASSWORD) == 0
    assert await site.code("ldapwhoami") == 49
    assert await site.code("ldapwhoami", password=OTHER_PASSWORD) == 0
    assert await site.code("ldappasswd", "-s", "a third long phrase", ADA, bind=BOSS) == 0
    assert await site.code("ldapwhoami", password="a third long phrase") == 0
    again = f"dn: {ADA}\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}\n"
    assert await written(site, again) == 0
    assert await site.code("ldapwhoami") == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "MCCAFHVpZD1hLGRjPWxhYixkYz10ZXN0gQNvbGSCA25ldw==",
            ("uid=a,dc=lab,dc=test", "old", "new"),
        ),
        ("", ("", "", "")),
        ("MAA=", ("", "", "")),
        ("MA==", None),
        ("MIT/////", None),
        ("MAOAfwA=", None),
        ("MAWDA25ldw==", None),
        ("!", None),
    ],
)
def test_requests_for_passwords_are_read(value: str, expected: tuple[str, str, str] | None) -> None:
    request = Request(Verb.EXTENDED, {"oid": PASSWORD_MODIFY, "value": value})
    if expected is None:
        with pytest.raises(MalformedRequestError):
            password_change(request)
    else:
        assert password_change(request) == PasswordChange(*expected)
