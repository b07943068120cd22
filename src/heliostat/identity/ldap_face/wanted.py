"""What the attributes and changes of a request mean for a verb of the directory.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliostat.identity.directory.bare_views import Record
from heliostat.identity.directory.records import User
from heliostat.identity.ldap_face.answers import RefusedError
from heliostat.identity.ldap_face.messages import Change
from heliostat.identity.ldap_face.replies import Code

USER = {"givenname": "given_name", "sn": "family_name", "mail": "email"}
COMPUTER = {"operatingsystem": "operating_system", "certificatesha256": "certificate_sha256"}
_DERIVED = frozenset(
    {"objectclass", "uid", "cn", "ou", "displayname", "uidnumber", "gidnumber", "homedirectory",
     "loginshell", "gecos"}
)  # fmt: skip


def refuse_others(given: Mapping[str, tuple[str, ...]], known: set[str]) -> None:
    if odd := sorted(set(given) - known - _DERIVED):
        raise RefusedError(Code.UNWILLING, f"{odd[0]} is not kept here; nothing was added.")


def single(given: Mapping[str, tuple[str, ...]], name: str) -> str:
    values = given.get(name, ())
    if len(values) > 1:
        raise RefusedError(Code.CONSTRAINT, f"{name} has one value.")
    return values[0] if values else ""


def alone(changes: list[Change], why: str) -> Change:
    if len(changes) != 1 or len(changes[0].values) != 1:
        raise RefusedError(Code.UNWILLING, why)
    return changes[0]


def members_of(changes: list[Change]) -> list[tuple[str, str]]:
    """``add`` or ``delete`` with the name of each member, in the order of the request."""
    for change in changes:
        if change.attribute != "member":
            raise RefusedError(Code.UNWILLING, "Members are changed by themselves.")
        if change.how == "replace" or not change.values:
            raise RefusedError(Code.UNWILLING, "Members are added and deleted by their names.")
    return [(change.how, value) for change in changes for value in change.values]


def refuse_new_name(changes: list[Change], named_by: str) -> None:
    """Raise ``notAllowedOnRDN`` where a modification would change what an entry is named by."""
    if any(each.attribute == named_by for each in changes):
        raise RefusedError(Code.NOT_ALLOWED_ON_RDN, f"{named_by} is in the entry's name and stays.")


def fields_of(changes: list[Change], names: Mapping[str, str]) -> dict[str, Any]:
    """What a verb is given for changes of single values."""
    told: dict[str, Any] = {}
    for change in changes:
        if change.attribute == "accountdisabled" and (names is COMPUTER or names is USER):
            told["disabled"] = change.how != "delete" and _last(change) == "TRUE"
            continue
        field = {**names, "description": "description"}.get(change.attribute)
        if field is None:
            raise RefusedError(Code.UNWILLING, f"{change.attribute} is not changed over LDAP.")
        told[field] = "" if change.how == "delete" else _last(change)
    return told


def _last(change: Change) -> str:
    if len(change.values) > 1:
        raise RefusedError(Code.CONSTRAINT, f"{change.attribute} has one value.")
    return change.values[0] if change.values else ""


def user_fields_of(changes: list[Change], record: Record) -> dict[str, Any]:
    assert isinstance(record, User)
    keys = record.ssh_public_keys
    plain = [each for each in changes if each.attribute != "sshpublickey"]
    told = fields_of(plain, USER)
    for change in changes:
        if change.attribute != "sshpublickey":
            continue
        if change.how == "add":
            keys = (*keys, *change.values)
        elif change.how == "replace" or not change.values:
            keys = change.values
        else:
            keys = tuple(each for each in keys if each not in change.values)
        told["ssh_public_keys"] = keys
    return told
