"""What every readable directory finds: the same people in each, and cases with what is found.

``fill`` makes them by the verbs of a directory of ours; ``LDIF`` and ``samba-tool``'s arguments
make them elsewhere.  Whatever else a directory has of itself is left out of what is compared.
"""

from __future__ import annotations

from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.contract.reading import ReadableDirectory
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.search import EntryKind, Query, Scope
from heliostat.testing.signin import PASSWORD
from heliostat.testing.small_slapd import BASE

NAMES = frozenset(
    {"ada", "alan", "grace", "Inner", "Outer", "web01", "web02", "Engineering", "R&D"}
    | {"people", "groups", "computers"}
)
FIRST = 1_900_000_000
SEARCHES: tuple[tuple[str, dict[str, object], list[str]], ...] = (
    ("(uid=ada)", {}, ["ada"]),
    ("uid=ADA", {}, ["ada"]),
    ("(&(objectClass=inetOrgPerson)(uid=ada))", {}, ["ada"]),
    ("(mail=ada@ACME.example)", {}, ["ada"]),
    ("(mail=*@acme.example)", {}, ["ada", "grace"]),
    ("(cn=ada  lovelace)", {}, ["ada"]),
    ("(sn=Love*)", {}, ["ada"]),
    ("(cn=*d*lov*ce)", {}, ["ada"]),
    ("(uid=a*)", {}, ["ada", "alan"]),
    ("(|(uid=ada)(cn=web01)(ou=engineering))", {}, ["Engineering", "ada", "web01"]),
    ("(&(uid=*)(!(mail=*)))", {}, ["alan"]),
    ("(&(uid=*)(!(mail=ada@acme.example)))", {}, ["alan", "grace"]),
    ("(&(uid=*)(!(nothing=x)))", {}, ["ada", "alan", "grace"]),
    ("(&(uid=*)(!(&(sn=Lovelace)(mail=*))))", {}, ["alan", "grace"]),
    ("(&(objectClass=groupOfNames)(cn=o*))", {}, ["Outer"]),
    ("(memberOf={Inner})", {}, ["ada"]),
    ("(memberOf={Outer})", {}, ["ada", "Inner"]),
    ("(memberOf={LOUD})", {}, ["ada", "Inner"]),
    ("(&(sn=*)(memberOf={Outer}))", {}, ["ada"]),
    ("(&(sn=*)(!(memberOf={Outer})))", {}, ["alan", "grace"]),
    ("(memberOf=cn=Nothing,{groups})", {}, []),
    ("(memberOf={ada})", {}, []),
    ("(memberOf=nonsense)", {}, []),
    ("(member={ada})", {}, ["Inner"]),
    ("(member={grace})", {}, []),
    ("(member={Inner})", {}, ["Outer"]),
    ("(uid>=a)", {}, []),
    ("(!(uid>=a))", {}, []),
    ("(nothing=x)", {}, []),
    ("(uid=\\2a)", {}, []),
    ("(uid=ada\\29\\28uid=\\2a)", {}, []),
    ("(accountDisabled=TRUE)", {}, []),
    ("(objectClass=device)", {"base": "Engineering"}, ["web02"]),
    ("(objectClass=person)", {"base": "engineering"}, ["ada", "grace"]),
    ("(objectClass=person)", {"base": "engineering", "scope": Scope.ONE}, ["grace"]),
    ("(objectClass=*)", {"base": "engineering", "scope": Scope.ONE}, ["R&D", "grace", "web02"]),
    ("(objectClass=*)", {"base": "people"}, ["people", "alan"]),
    ("(objectClass=*)", {"scope": Scope.ONE}, ["computers", "Engineering", "groups", "people"]),
    ("(objectClass=*)", {"kinds": frozenset({EntryKind.COMPUTER})}, ["web01", "web02"]),
)
NUMBERED: tuple[tuple[str, dict[str, object], list[str]], ...] = (
    (f"(uidNumber>={FIRST})", {}, ["ada", "alan", "grace"]),
    (f"(uidNumber<={FIRST - 1})", {}, []),
    ("(uidNumber>=ada)", {}, []),
    ("(&(objectClass=posixAccount)(uid=ada))", {}, ["ada"]),
)
"""Where people have numbers."""


async def fill(directory: Directory) -> None:
    """Ada and Grace in a unit of their own, in groups in groups; two machines."""
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
    await directory.create_computer("web01")
    await directory.create_computer("web02", unit="Engineering")


def _unit(dn: str) -> str:
    name = dn.partition(",")[0].partition("=")[2]
    return f"dn: {dn},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n"


def _person(name: str, unit: str, number: int, *more: str) -> str:
    lines = (
        f"dn: uid={name},{unit},{BASE}", "objectClass: inetOrgPerson",
        "objectClass: posixAccount", f"uid: {name}", f"uidNumber: {FIRST + number}",
        f"gidNumber: {FIRST + number}", f"homeDirectory: /home/{name}", *more,
    )  # fmt: skip
    return "\n".join((*lines, "", ""))


def _group(name: str, member: str) -> str:
    return f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n" + (
        f"member: {member},{BASE}\n\n"
    )


def _machine(dn: str) -> str:
    name = dn.partition(",")[0].partition("=")[2]
    return f"dn: {dn},{BASE}\nobjectClass: device\ncn: {name}\n\n"


LDIF = "".join(
    (
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: corp\no: Corp\n\n",
        *map(_unit, ("ou=people", "ou=groups", "ou=computers", "ou=Engineering")),
        _unit("ou=R&D,ou=Engineering"),
        _person("ada", "ou=R&D,ou=Engineering", 1, "cn: Ada Lovelace", "sn: Lovelace",
                "givenName: Ada", "mail: Ada@acme.example"),
        _person("grace", "ou=Engineering", 2, "cn: grace", "sn: grace", "mail: grace@acme.example"),
        _person("alan", "ou=people", 3, "cn: alan", "sn: alan"),
        _group("Inner", "uid=ada,ou=R&D,ou=Engineering"),
        _group("Outer", "cn=Inner,ou=groups"),
        _machine("cn=web01,ou=computers"),
        _machine("cn=web02,ou=Engineering"),
    )
)  # fmt: skip
"""The same for a directory elsewhere, below ``BASE``."""


async def names_of_entries(directory: ReadableDirectory) -> dict[str, str]:
    """Distinguished names by name, and one of them in another spelling."""
    found = (await directory.search(Query(limit=1000))).entries
    named = {each.name: each.dn for each in found if each.name in NAMES}
    return {**named, "LOUD": named["Outer"].replace(",", ", ").upper()}


async def names_found(directory: ReadableDirectory, text: str, **query: object) -> list[str]:
    """Names that a search finds, in its order."""
    asked = Query(parse(text), limit=1000, **query)  # type: ignore[arg-type]
    found = (await directory.search(asked)).entries
    return [entry.name for entry in found if entry.name in NAMES]
