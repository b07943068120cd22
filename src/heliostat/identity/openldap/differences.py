"""What has to change of an entry so that it is what is wanted.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliostat.identity.openldap.ldif import Attributes, raw
from heliostat.identity.openldap.references import Raw

_OURS = frozenset(
    {"givenName", "mail", "userPassword", "heliostatDisabled", "description"}
    | {"sshPublicKey", "userCertificate;binary"}
)
"""Attributes whose absence from a document means that the entry has none."""


def differences(now: Raw, wanted: Attributes, ldap: Any) -> list[tuple[int, str, Any]]:
    """The changes that make an entry what is wanted; attributes that are not ours stay."""
    changes: list[tuple[int, str, Any]] = []
    for name in sorted(_OURS | wanted.keys()):
        old, new = list(now.get(name, ())), [raw(each) for each in wanted.get(name, ())]
        if name == "objectClass":
            known = {each.lower() for each in old}
            if missing := [each for each in new if each.lower() not in known]:
                changes.append((ldap.MOD_ADD, name, missing))
        elif name == "member":
            changes += _members(old, new, ldap)
        elif sorted(old) != sorted(new) and (new or old):
            changes.append((ldap.MOD_REPLACE, name, new or None))
    return changes


def _members(old: Sequence[bytes], new: Sequence[bytes], ldap: Any) -> list[tuple[int, str, Any]]:
    before = {each.lower(): each for each in old}
    after = {each.lower(): each for each in new}
    added = [after[each] for each in sorted(after.keys() - before.keys())]
    gone = [before[each] for each in sorted(before.keys() - after.keys())]
    changes = []
    if added:
        changes.append((ldap.MOD_ADD, "member", added))
    if gone:
        changes.append((ldap.MOD_DELETE, "member", gone))
    return changes
