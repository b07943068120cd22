"""What things of a directory look like to LDAP clients.  Pure.

One table a kind says how each attribute follows from a view; filters and entries read the
same one.  Classes are those that clients know (RFC 2307bis: ``posixGroup`` beside
``groupOfNames``).  Nothing secret is ever in an entry: views have none.  Attributes that
name other entries (``member``, ``memberOf``) come from whoever knows those.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from heliostat.identity.directory import layout
from heliostat.identity.directory.fields import der_base64
from heliostat.identity.directory.search import Entry, EntryKind, Position
from heliostat.identity.directory.views import (
    AccountView,
    ComputerView,
    GroupView,
    UnitView,
    UserView,
)
from heliostat.identity.names import fold

SHELL = "/bin/bash"
_NAMESPACE = uuid.UUID("6f0b9a3e-52b5-4c1e-9d3a-0d2f3f6f6c11")

View = UserView | GroupView | AccountView | ComputerView | UnitView
Answer = str | Iterable[str]
Table = Mapping[str, Callable[[Any], Answer]]


def _full_name(user: UserView) -> str:
    return f"{user.given_name} {user.family_name}".strip() or user.name


def _classes_of_user(user: UserView) -> Iterable[str]:
    yield from ("top", "person", "organizationalPerson", "inetOrgPerson")
    if user.number:
        yield "posixAccount"
    if user.ssh_public_keys:
        yield "ldapPublicKey"


def _number(number: int) -> str:
    return str(number) if number else ""


def timestamp(at_ms: int) -> str:
    """Generalized time, as LDAP writes a moment; empty for none."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%d%H%M%SZ") if at_ms else ""


_USER: Table = {
    "objectClass": _classes_of_user,
    "uid": lambda user: user.name,
    "cn": _full_name,
    "sn": lambda user: user.family_name or user.name,
    "givenName": lambda user: user.given_name,
    "displayName": _full_name,
    "mail": lambda user: user.email,
    "description": lambda user: user.description,
    "uidNumber": lambda user: _number(user.number),
    "gidNumber": lambda user: _number(user.number),
    "homeDirectory": lambda user: f"/home/{user.name}" if user.number else "",
    "loginShell": lambda user: SHELL if user.number else "",
    "sshPublicKey": lambda user: user.ssh_public_keys,
    "userCertificate": lambda user: map(der_base64, user.certificates),
    "accountDisabled": lambda user: "TRUE" if user.disabled else "",
}
_GROUP: Table = {
    "objectClass": lambda group: ("top", "groupOfNames", *["posixGroup"][: bool(group.number)]),
    "cn": lambda group: group.name,
    "description": lambda group: group.description,
    "gidNumber": lambda group: _number(group.number),
}
_ACCOUNT: Table = {
    "objectClass": lambda _: ("top", "account"),
    "uid": lambda account: account.name,
    "description": lambda account: account.description,
    "userCertificate": lambda account: [der_base64(each.pem) for each in account.certificates],
    "accountDisabled": lambda account: "TRUE" if account.disabled else "",
}
_COMPUTER: Table = {
    "objectClass": lambda _: ("top", "device", "heliostatComputer"),
    "cn": lambda computer: computer.name,
    "description": lambda computer: computer.description,
    "operatingSystem": lambda computer: computer.operating_system,
    "certificateSha256": lambda computer: computer.certificate_sha256,
    "lastSeen": lambda computer: timestamp(computer.last_seen_ms),
    "accountDisabled": lambda computer: "TRUE" if computer.disabled else "",
}
_UNIT: Table = {
    "objectClass": lambda _: ("top", "organizationalUnit"),
    "ou": lambda unit: unit.name,
    "description": lambda unit: unit.description,
}
_STRUCTURAL = {
    EntryKind.UNIT: "organizationalUnit",
    EntryKind.USER: "inetOrgPerson",
    EntryKind.GROUP: "groupOfNames",
    EntryKind.ACCOUNT: "account",
    EntryKind.COMPUTER: "device",
}


def _complete(kind: EntryKind, table: Table) -> Table:
    return {
        **table,
        "createTimestamp": lambda view: timestamp(view.created_ms),
        "structuralObjectClass": lambda _: _STRUCTURAL[kind],
    }


TABLES: Mapping[EntryKind, Table] = {
    kind: _complete(kind, table)
    for kind, table in (
        (EntryKind.UNIT, _UNIT),
        (EntryKind.USER, _USER),
        (EntryKind.GROUP, _GROUP),
        (EntryKind.ACCOUNT, _ACCOUNT),
        (EntryKind.COMPUTER, _COMPUTER),
    )
}
_FOLDED = {
    kind: {fold(name): answer for name, answer in table.items()} for kind, table in TABLES.items()
}
CLASSES: Mapping[EntryKind, frozenset[str]] = {
    EntryKind.UNIT: frozenset({"top", "organizationalunit"}),
    EntryKind.USER: frozenset(
        {"top", "person", "organizationalperson", "inetorgperson", "posixaccount", "ldappublickey"}
    ),
    EntryKind.GROUP: frozenset({"top", "groupofnames", "posixgroup"}),
    EntryKind.ACCOUNT: frozenset({"top", "account"}),
    EntryKind.COMPUTER: frozenset({"top", "device", "heliostatcomputer"}),
}
"""Every class, folded, that an entry of the kind may have."""


def values_of(kind: EntryKind, view: View, attribute: str) -> tuple[str, ...]:
    """Values of an attribute by its folded name; none for one it lacks or that names others."""
    answer = _FOLDED[kind].get(attribute)
    return _values(answer(view)) if answer is not None else ()


def entry_of(
    kind: EntryKind,
    view: View,
    domain: str,
    *,
    unit: str,
    others: Mapping[str, tuple[str, ...]],
    wanted: frozenset[str] | None = None,
) -> Entry:
    """The entry of ``view`` in the unit with the path ``unit``.

    ``others`` are the attributes that name other entries; ``wanted`` are folded names of
    those that are told (``None``: all).
    """
    dn = layout.dn_of(kind, view.name, unit, domain)
    position = Position(kind, fold(view.path if isinstance(view, UnitView) else view.name))
    attributes = {name: _values(answer(view)) for name, answer in _rows(kind, wanted)}
    attributes |= {**others, "entryDN": (dn,)}
    if wanted is None or "entryuuid" in wanted:
        identity = f"{fold(domain)}/{position}/{view.created_ms}"
        attributes["entryUUID"] = (str(uuid.uuid5(_NAMESPACE, identity)),)
    told = {name: values for name, values in attributes.items() if values}
    return Entry(kind, view.name, dn, told, position)


@lru_cache(maxsize=256)
def _rows(
    kind: EntryKind, wanted: frozenset[str] | None
) -> tuple[tuple[str, Callable[[Any], Answer]], ...]:
    """What is told of a kind when these attributes are asked for."""
    table = TABLES[kind].items()
    return tuple(each for each in table if wanted is None or fold(each[0]) in wanted)


def _values(answer: Answer) -> tuple[str, ...]:
    if isinstance(answer, str):
        return (answer,) if answer else ()
    return tuple(answer)
