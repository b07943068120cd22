"""What a directory elsewhere calls the attributes of our entries, kind by kind.  Pure.

The words for people and groups come from the source (its ``attributes``); those for the rest
are what every directory of the kind has.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from heliostat.identity.directory.search import EntryKind
from heliostat.identity.names import fold
from heliostat.identity.sources.entries import wanted, wanted_of_groups
from heliostat.identity.sources.source import (
    Source,
    SourceKind,
    attribute,
    groups_filter,
    people_filter,
)


class Form(Enum):
    """How an attribute's values are written there."""

    TEXT = auto()
    NUMBER = auto()
    TIME = auto()
    """Generalized time, with or without a fraction."""
    FILETIME = auto()
    """Tenths of microseconds since 1601."""
    ID = auto()
    """What tells an entry for ever: text, or the bytes of a GUID."""


class Theirs(NamedTuple):
    """An attribute of theirs; ``known``: every directory of the kind knows its name."""

    name: str
    form: Form = Form.TEXT
    known: bool = True


CLASSES: Mapping[EntryKind, tuple[str, ...]] = {
    EntryKind.UNIT: ("top", "organizationalUnit"),
    EntryKind.USER: ("top", "person", "organizationalPerson", "inetOrgPerson"),
    EntryKind.GROUP: ("top", "groupOfNames"),
    EntryKind.COMPUTER: ("top", "device"),
}
"""Classes that every entry of a kind is told with."""
_THEIR_CLASSES = {EntryKind.USER: "user", EntryKind.GROUP: "group", EntryKind.COMPUTER: "computer"}
CONDITIONAL: Mapping[EntryKind, Mapping[str, str]] = {
    EntryKind.USER: {"posixAccount": "uidNumber", "ldapPublicKey": "sshPublicKey"},
    EntryKind.GROUP: {"posixGroup": "gidNumber"},
}
"""Classes that an entry has if it has one of our attributes."""
_BY_KIND = {
    SourceKind.ACTIVE_DIRECTORY: {
        "home": "unixHomeDirectory",
        "made": "whenCreated",
        "id": "objectGUID",
        "computers": "(objectCategory=computer)",
        "units": "(|(objectClass=organizationalUnit)"
        "(&(objectClass=container)(!(showInAdvancedViewOnly=TRUE))))",
    },
    SourceKind.LDAP: {
        "home": "homeDirectory",
        "made": "createTimestamp",
        "id": "entryUUID",
        "computers": "(objectClass=device)",
        "units": "(objectClass=organizationalUnit)",
    },
}


def classes(source: Source, kind: EntryKind) -> tuple[str, ...]:
    """The classes that entries of a kind are always told with."""
    theirs = _THEIR_CLASSES.get(kind) if source.kind is SourceKind.ACTIVE_DIRECTORY else None
    return (*CLASSES[kind], *([theirs] if theirs else []))


def table(source: Source, kind: EntryKind) -> Mapping[str, Theirs]:
    """Our attributes, as they are written, and theirs."""
    words = _BY_KIND[source.kind]
    both = {
        "description": Theirs("description"),
        "createTimestamp": Theirs(words["made"], Form.TIME),
    }
    match kind:
        case EntryKind.USER:
            return {**_people(source), **both}
        case EntryKind.GROUP:
            return {
                "cn": Theirs(attribute(source, "groupName")),
                "gidNumber": Theirs("gidNumber", Form.NUMBER, known=False),
                "entryUUID": Theirs(attribute(source, "groupId"), Form.ID),
                **both,
            }
        case EntryKind.COMPUTER:
            return {"cn": Theirs("cn"), **_machines(source), **both}
        case _:
            return {"entryUUID": Theirs(words["id"], Form.ID), **both}


def _people(source: Source) -> dict[str, Theirs]:
    named = {
        "uid": attribute(source, "name"),
        "sn": attribute(source, "familyName"),
        "givenName": attribute(source, "givenName"),
        "mail": attribute(source, "email"),
    }
    return {
        **{ours: Theirs(theirs) for ours, theirs in named.items() if theirs},
        "cn": Theirs("cn"),
        "displayName": Theirs("displayName", known=False),
        "uidNumber": Theirs("uidNumber", Form.NUMBER, known=False),
        "gidNumber": Theirs("gidNumber", Form.NUMBER, known=False),
        "homeDirectory": Theirs(_BY_KIND[source.kind]["home"], known=False),
        "loginShell": Theirs("loginShell", known=False),
        "sshPublicKey": Theirs("sshPublicKey", known=False),
        "entryUUID": Theirs(attribute(source, "id"), Form.ID),
    }


def _machines(source: Source) -> dict[str, Theirs]:
    theirs = {"entryUUID": Theirs(_BY_KIND[source.kind]["id"], Form.ID)}
    if source.kind is SourceKind.ACTIVE_DIRECTORY:
        theirs["operatingSystem"] = Theirs("operatingSystem")
        theirs["lastSeen"] = Theirs("lastLogonTimestamp", Form.FILETIME)
    return theirs


def filter_of(source: Source, kind: EntryKind) -> str:
    """Which of their entries are of a kind, as text."""
    match kind:
        case EntryKind.USER:
            return people_filter(source)
        case EntryKind.GROUP:
            return groups_filter(source)
        case EntryKind.COMPUTER:
            return _BY_KIND[source.kind]["computers"]
        case _:
            return _BY_KIND[source.kind]["units"]


def asked_for(source: Source, kind: EntryKind) -> tuple[str, ...]:
    """Every attribute that an entry of a kind is made of."""
    needed: tuple[str, ...] = ()
    if kind is EntryKind.USER:
        needed = wanted(source)
    elif kind is EntryKind.GROUP:
        needed = wanted_of_groups(source)
    elif kind is EntryKind.COMPUTER:
        needed = ("userAccountControl",)
    theirs = (each.name for each in table(source, kind).values())
    return tuple({fold(each): each for each in (*needed, *theirs)}.values())
