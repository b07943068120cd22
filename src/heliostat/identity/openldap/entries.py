"""Reading and writing documents as entries on one connection.  Blocking; run by ``Pool``.

A put changes only the attributes that differ, members one by one, so that what others changed
beside it stays; doing one twice does no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliostat.identity.openldap.differences import differences
from heliostat.identity.openldap.domains import Domain, make_domain
from heliostat.identity.openldap.forms import Form
from heliostat.identity.openldap.ldif import Entry
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.names import GROUPS, escaped
from heliostat.identity.openldap.references import Raw

RELAX = "1.3.6.1.4.1.4203.666.5.12"
"""Lets the controller set what only the server sets otherwise."""
_READ = ["*", "entryCSN", "entryUUID"]
_LOCKS = ("pwdAccountLockedTime", "pwdFailureTime")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and its state as a number that changes with it."""

    dn: str
    attributes: Raw

    @property
    def csn(self) -> str:
        return self.attributes["entryCSN"][0].decode()

    @property
    def revision(self) -> int:
        return number_of([self.csn, self.attributes["entryUUID"][0].decode()])

    @property
    def is_locked(self) -> bool:
        return bool(self.attributes.get("pwdAccountLockedTime"))


def number_of(texts: Sequence[str]) -> int:
    """A revision that stands for these texts: other ones, another number."""
    return int.from_bytes(hashlib.sha256("\n".join(texts).encode()).digest()[:7]) | 1


def find(connection: Any, dn: str, *more: str) -> Found | None:
    """The entry of this name."""
    ldap = ldap_library()
    try:
        answer = connection.search_s(
            dn, ldap.SCOPE_BASE, "(objectClass=heliostatEntry)", [*_READ, *more]
        )
    except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
        return None
    return Found(answer[0][0], answer[0][1]) if answer else None


def all_of(connection: Any, form: Form, base: str) -> list[Found]:
    """Every entry of a kind, in a tenant."""
    ldap = ldap_library()
    try:
        answer = connection.search_s(
            f"ou={form.unit},{base}", ldap.SCOPE_ONELEVEL, "(objectClass=heliostatEntry)", _READ
        )
    except ldap.NO_SUCH_OBJECT:
        return []
    return [Found(dn, attributes) for dn, attributes in answer if dn is not None]


def holding(connection: Any, base: str, member: str) -> list[Found]:
    """The groups that name this entry as a member."""
    ldap = ldap_library()
    wanted = f"(&(objectClass=heliostatEntry)(member={escaped(member)}))"
    try:
        answer = connection.search_s(f"ou={GROUPS},{base}", ldap.SCOPE_ONELEVEL, wanted, _READ)
    except ldap.NO_SUCH_OBJECT:
        return []
    return [Found(dn, attributes) for dn, attributes in answer if dn is not None]


def state_of(connection: Any, suffix: str) -> tuple[str, ...]:
    """What the node has seen of each node's changes: its contextCSNs, sorted."""
    ldap = ldap_library()
    try:
        answer = connection.search_s(
            suffix, ldap.SCOPE_BASE, "(objectClass=*)", ["contextCSN", "entryCSN"]
        )
    except ldap.NO_SUCH_OBJECT:
        return ()
    return tuple(sorted(each.decode() for each in answer[0][1].get("contextCSN", ())))


def put(
    connection: Any, form: Form, domain: Domain, key: str, value: bytes, *, only_at: str = ""
) -> None:
    """Make the entry what the document says; with ``only_at``: only if its CSN is that.

    Raises ``ldap.ASSERTION_FAILED``.
    """
    ldap = ldap_library()
    dn = form.dn(domain.base, key)
    wanted = form.attributes(domain.base, key, value)
    if form.reference == "user" and not domain.system:
        wanted["pwdPolicySubentry"] = [domain.policy]
    now = find(connection, dn, "pwdPolicySubentry")
    if now is None:
        try:
            _add(connection, Entry(dn, wanted), domain)
        except ldap.ALREADY_EXISTS:
            now = find(connection, dn, "pwdPolicySubentry")
        else:
            return
    changes = differences(now.attributes if now is not None else {}, wanted, ldap)
    if changes:
        controls = [at_csn(only_at)] if only_at else None
        connection.modify_ext_s(dn, changes, serverctrls=controls)


def unlock(connection: Any, dn: str) -> None:
    """Forget wrong passwords."""
    ldap = ldap_library()
    found = find(connection, dn, *_LOCKS)
    there = [name for name in _LOCKS if found is not None and found.attributes.get(name)]
    if there:
        relax = ldap.controls.LDAPControl(RELAX, criticality=True)
        changes = [(ldap.MOD_DELETE, name, None) for name in there]
        connection.modify_ext_s(dn, changes, serverctrls=[relax])


def _add(connection: Any, entry: Entry, domain: Domain) -> None:
    ldap = ldap_library()
    try:
        connection.add_s(entry.dn, entry.encoded())
    except ldap.NO_SUCH_OBJECT:
        make_domain(connection, domain)
        connection.add_s(entry.dn, entry.encoded())


def at_csn(csn: str) -> Any:
    """A control (RFC 4528): only if the entry has that CSN; else ``ldap.ASSERTION_FAILED``."""
    from ldap.controls.libldap import AssertionControl

    return AssertionControl(True, f"(entryCSN={csn})")
