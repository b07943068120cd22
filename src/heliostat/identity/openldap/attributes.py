"""What each kind of document has in attributes that LDAP programs know, both ways.  Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from heliostat.identity.directory.fields import der_base64
from heliostat.identity.openldap.ldif import Attributes
from heliostat.identity.openldap.references import Raw, members_in, reference_dn

NOBODY = ""
"""The member of a group without members: groupOfNames must have one (RFC 4519, 3.5)."""
SCHEME = "{ARGON2}"
SHELL = "/bin/bash"


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


_CHANGEABLE = (
    ("given_name", "givenName"),
    ("family_name", "sn"),
    ("email", "mail"),
    ("description", "description"),
)


def _read_person(base: str, raw: Raw, record: dict[str, Any]) -> None:
    before = _person(base, record)
    for field_, attribute in _CHANGEABLE:
        found = first(raw, attribute)
        if field_ in record and [found] != [_plain(each) for each in before[attribute] or [""]]:
            record[field_] = found
    if "disabled" in record:
        record["disabled"] = first(raw, "heliostatDisabled") == "TRUE"
    record["password_hash"] = first(raw, "userPassword").removeprefix(SCHEME)


def _group(base: str, record: Mapping[str, Any]) -> Attributes:
    members = [reference_dn(each, base) for each in record.get("members", ())]
    return {
        "cn": [record["name"]],  # as people spell it, which LDAP takes for the same
        "description": _text([record.get("description", "")]),
        "member": members or [NOBODY],
        "gidNumber": [str(record["number"])] if record.get("number") else [],
    }


def _read_group(base: str, raw: Raw, record: dict[str, Any]) -> None:
    found = first(raw, "description")
    if record.get("description", "").strip() != found.strip():
        record["description"] = found
    record["members"] = members_in(base, raw)


def _account(_base: str, record: Mapping[str, Any]) -> Attributes:
    described = record.get("description", "") or record.get("title", "")
    held = [each["pem"] for each in record.get("certificates", ())]
    held += filter(None, [record.get("certificate_pem", "")])
    return {
        "description": _text([described]),
        "userCertificate;binary": list(map(_der, held)),
        "heliostatDisabled": ["TRUE"] if record.get("disabled") else [],
    }


def _read_account(_base: str, raw: Raw, record: dict[str, Any]) -> None:
    if "disabled" in record:
        record["disabled"] = first(raw, "heliostatDisabled") == "TRUE"


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
    record["password_hash"] = first(raw, "userPassword").removeprefix(SCHEME)


def _read_nothing(_base: str, _raw: Raw, _record: dict[str, Any]) -> None:
    """Nothing of it is changed by other programs."""


def first(raw: Raw, name: str) -> str:
    values = raw.get(name, ())
    return values[0].decode(errors="replace") if values else ""


def _plain(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


ATTRIBUTES = {
    "user": _person,
    "group": _group,
    "account": _account,
    "unit": _unit,
    "computer": _computer,
}
READERS = {
    "user": _read_person,
    "group": _read_group,
    "account": _read_account,
    "unit": _read_nothing,
    "computer": _read_computer,
}
