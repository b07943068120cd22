"""How documents are entries: people, groups and service accounts, both ways.  Pure.

What LDAP programs look for stands in the attributes that they know (uid, cn, sn, mail,
userPassword, member, description); the rest of a document stands in ``heliostatRecord``, so
that a document comes back byte by byte.  Where an attribute was changed by somebody else, the
attribute counts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.identity.directory.fields import der_base64
from heliostat.identity.openldap.ldif import Attributes
from heliostat.identity.openldap.names import (
    ACCOUNTS,
    COMPUTERS,
    GROUPS,
    PEOPLE,
    UNITS,
    rdn,
)

Raw = Mapping[str, Sequence[bytes]]
NOBODY = ""
"""The member of a group without members: groupOfNames must have one (RFC 4519, 3.5)."""
SCHEME = "{ARGON2}"
SHELL = "/bin/bash"
_UNITS = {
    "user": ("uid", PEOPLE),
    "group": ("cn", GROUPS),
    "account": ("uid", ACCOUNTS),
    "unit": ("ou", UNITS),
    "computer": ("cn", COMPUTERS),
}
_MEMBERS = ("user", "group", "account")


class _Kept(msgspec.Struct):
    """``heliostatRecord``: the document but for its secrets and members."""

    of: dict[str, Any]
    password: str = ""
    """What the password hash was when ``stamp`` was set: another one ends sessions."""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of document as entries; ``kind`` is the first part of its documents' kind."""

    kind: str
    reference: str
    classes: tuple[str, ...]

    @property
    def unit(self) -> str:
        return _UNITS[self.reference][1]

    def dn(self, base: str, key: str) -> str:
        return _dn(self.reference, key, base)

    def holds(self, record: Mapping[str, Any]) -> bool:
        """Whether a document of the kind is kept here at all: programs' clients are not."""
        return self.kind != "client" or bool(record.get("public_key_pem"))

    def attributes(self, base: str, key: str, value: bytes) -> Attributes:
        """The attributes of the document's entry."""
        record = msgspec.json.decode(value, type=dict[str, Any])
        known = _ATTRIBUTES[self.reference](base, record)
        kept = dict(record)
        for name in ("password_hash", "members"):
            if name in kept:
                kept[name] = type(kept[name])()
        password = known.get("userPassword", ())
        entry: Attributes = {
            _UNITS[self.reference][0]: [key],
            "heliostatKey": [key],
            **known,
            "objectClass": [*self.classes, *_more_classes(self.reference, known)],
            "heliostatRecord": [msgspec.json.encode(_Kept(of=kept, password=_digest(password)))],
        }
        return {name: values for name, values in entry.items() if values}

    def value(self, base: str, raw: Raw) -> bytes:
        """The document in an entry; raises ``ValueError`` for one that is none of ours."""
        try:
            kept = msgspec.json.decode(raw["heliostatRecord"][0], type=_Kept)
        except (KeyError, IndexError, msgspec.MsgspecError) as error:
            raise ValueError(f"no document: {error}") from error
        record = kept.of
        _READERS[self.reference](base, raw, record)
        passwords = raw.get("userPassword", ())
        if "stamp" in record and _digest(passwords) != kept.password:
            record["stamp"] = _digest(passwords)  # set by another LDAP program
            if record.get("kerberos_keys"):
                record["kerberos_keys"] = ""  # of the password before; the next sign-in makes them
        return msgspec.json.encode(record)


def reference_dn(reference: str, base: str) -> str:
    """The name of a member's entry: ``user:alice`` and so on."""
    kind, _, key = reference.partition(":")
    return _dn(kind, key, base)


def references(base: str) -> dict[str, str]:
    """What the names of members end with, and how a reference to such a one begins."""
    return {f",ou={_UNITS[kind][1]},{base}".casefold(): kind for kind in _MEMBERS}


def _dn(kind: str, key: str, base: str) -> str:
    attribute, unit = _UNITS[kind]
    return f"{rdn(attribute, key)},ou={unit},{base}"


def _text(values: Sequence[object]) -> list[str | bytes]:
    return [str(each) for each in values if str(each).strip()]


def _person(_base: str, record: Mapping[str, Any]) -> Attributes:
    name, given = record["name"], record.get("given_name", "")
    family, mail = record.get("family_name", ""), record.get("email", "")
    kept = record.get("password_hash", "")
    return {
        "cn": [" ".join(filter(str.strip, (given, family))).strip() or name],
        "sn": [family if family.strip() else name],
        "givenName": _text([given]),
        "mail": _text([mail]) if mail.isascii() else [],
        "description": _text([record.get("description", "")]),
        "sshPublicKey": list(record.get("ssh_public_keys", ())),
        "userCertificate;binary": [_der(each) for each in record.get("certificates", ())],
        **_posix(record),
        "userPassword": [SCHEME + kept] if kept else [],
        "heliostatDisabled": ["TRUE"] if record.get("disabled") else [],
    }


def _posix(record: Mapping[str, Any]) -> Attributes:
    number = record.get("number", 0)
    if not number:
        return {}
    return {
        "uidNumber": [str(number)],
        "gidNumber": [str(number)],
        "homeDirectory": [f"/home/{record['name']}"],
        "loginShell": [SHELL],
    }


def _der(pem: str) -> bytes:
    return base64.b64decode(der_base64(pem))


def _more_classes(reference: str, known: Attributes) -> list[str]:
    """Classes that attributes need, besides those that every entry of the kind has."""
    if reference == "computer":
        return ["simpleSecurityObject"] if known["userPassword"] else []
    needed = (("uidNumber", "posixAccount"), ("sshPublicKey", "ldapPublicKey"))
    found = [name for attribute, name in needed if known.get(attribute)]
    is_group = "member" in known and known.get("gidNumber")
    return [*found, "posixGroup"] if is_group else found


_CHANGEABLE = (
    ("given_name", "givenName"),
    ("family_name", "sn"),
    ("email", "mail"),
    ("description", "description"),
)


def _read_person(base: str, raw: Raw, record: dict[str, Any]) -> None:
    before = _person(base, record)
    for field_, attribute in _CHANGEABLE:
        found = _first(raw, attribute)
        if field_ in record and [found] != [_plain(each) for each in before[attribute] or [""]]:
            record[field_] = found
    if "disabled" in record:
        record["disabled"] = _first(raw, "heliostatDisabled") == "TRUE"
    record["password_hash"] = _first(raw, "userPassword").removeprefix(SCHEME)


def _group(base: str, record: Mapping[str, Any]) -> Attributes:
    members = [reference_dn(each, base) for each in record.get("members", ())]
    return {
        "cn": [record["name"]],  # as people spell it, which LDAP takes for the same
        "description": _text([record.get("description", "")]),
        "member": members or [NOBODY],
        "gidNumber": [str(record["number"])] if record.get("number") else [],
    }


def _read_group(base: str, raw: Raw, record: dict[str, Any]) -> None:
    found = _first(raw, "description")
    if record.get("description", "").strip() != found.strip():
        record["description"] = found
    record["members"] = members_in(base, raw)


def members_in(base: str, raw: Raw) -> list[str]:
    """The members of a group's entry as references, sorted; strangers are left out."""
    ends = references(base)
    found = []
    for each in raw.get("member", ()):
        name = each.decode()
        first, comma, rest = name.partition(",")
        kind = ends.get((comma + rest).casefold())
        if kind is not None:
            found.append(f"{kind}:{first.partition('=')[2].casefold()}")
    return sorted(found)


def _account(_base: str, record: Mapping[str, Any]) -> Attributes:
    return {"description": _text([record.get("title", "")])}


def _unit(_base: str, record: Mapping[str, Any]) -> Attributes:
    names = dict.fromkeys((record["id"], record["name"]))
    return {"ou": list(names), "description": _text([record.get("description", "")])}


def _computer(_base: str, record: Mapping[str, Any]) -> Attributes:
    return {
        "description": _text([record.get("description", "")]),
        "heliostatDisabled": ["TRUE"] if record.get("disabled") else [],
        "userPassword": [SCHEME + record["password_hash"]] if record.get("password_hash") else [],
    }


def _read_computer(_base: str, raw: Raw, record: dict[str, Any]) -> None:
    record["password_hash"] = _first(raw, "userPassword").removeprefix(SCHEME)


def _read_nothing(_base: str, _raw: Raw, _record: dict[str, Any]) -> None:
    """Nothing of it is changed by other programs."""


def _first(raw: Raw, name: str) -> str:
    values = raw.get(name, ())
    return values[0].decode(errors="replace") if values else ""


def _plain(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _digest(values: Sequence[str | bytes]) -> str:
    if not values:
        return ""
    joined = b"\0".join(each if isinstance(each, bytes) else each.encode() for each in values)
    return hashlib.sha256(joined).hexdigest()[:32]


_ATTRIBUTES = {
    "user": _person,
    "group": _group,
    "account": _account,
    "unit": _unit,
    "computer": _computer,
}
_READERS = {
    "user": _read_person,
    "group": _read_group,
    "account": _read_nothing,
    "unit": _read_nothing,
    "computer": _read_computer,
}
_OURS = "heliostatEntry"
FORMS = {
    each.kind: each
    for each in (
        Form("user", "user", ("inetOrgPerson", _OURS)),
        Form("group", "group", ("groupOfNames", _OURS)),
        Form("client", "account", ("account", _OURS)),
        Form("unit", "unit", ("organizationalUnit", _OURS)),
        Form("computer", "computer", ("device", _OURS)),
    )
}
"""By the first part of a document's kind."""
