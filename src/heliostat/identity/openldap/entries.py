"""Reading and writing documents as entries on one connection.  Blocking; run by ``Pool``.

A put changes only the attributes that differ, members one by one, so that what others changed
beside it stays; doing one twice does no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliostat.identity.openldap.forms import Form, Raw
from heliostat.identity.openldap.ldif import Attributes, Entry, raw
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.names import (
    ACCOUNTS,
    COMPUTERS,
    GROUPS,
    PEOPLE,
    POLICIES,
    UNITS,
    base_of,
    escaped,
    rdn,
)
from heliostat.identity.options import LockoutPolicy

RELAX = "1.3.6.1.4.1.4203.666.5.12"
"""Lets the controller set what only the server sets otherwise."""
_CONTAINERS = (PEOPLE, GROUPS, ACCOUNTS, UNITS, COMPUTERS, POLICIES)
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


@dataclass(frozen=True, slots=True)
class Domain:
    """A tenant's subtree; ``system`` is the one that all others lie below."""

    suffix: str
    domain: str
    system: bool

    @property
    def base(self) -> str:
        return base_of(self.suffix, self.domain, system=self.system)

    @property
    def policy(self) -> str:
        return f"cn=default,ou={POLICIES},{self.base}"


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


def delete(connection: Any, dn: str) -> None:
    ldap = ldap_library()
    try:
        connection.delete_s(dn)
    except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
        return


def unlock(connection: Any, dn: str) -> None:
    """Forget wrong passwords."""
    ldap = ldap_library()
    found = find(connection, dn, *_LOCKS)
    there = [name for name in _LOCKS if found is not None and found.attributes.get(name)]
    if there:
        relax = ldap.controls.LDAPControl(RELAX, criticality=True)
        changes = [(ldap.MOD_DELETE, name, None) for name in there]
        connection.modify_ext_s(dn, changes, serverctrls=[relax])


def write_policy(connection: Any, domain: Domain, lockout: LockoutPolicy) -> None:
    """Make the tenant's rules of locking those."""
    ldap = ldap_library()
    wanted = _policy(lockout)
    try:
        answer = connection.search_s(domain.policy, ldap.SCOPE_BASE, "(objectClass=*)", ["*"])
    except ldap.NO_SUCH_OBJECT:
        make_domain(connection, domain, lockout)
        return
    changes = differences(answer[0][1], wanted, ldap)
    if changes:
        connection.modify_s(domain.policy, changes)


def make_domain(connection: Any, domain: Domain, lockout: LockoutPolicy | None = None) -> None:
    """The entries that a tenant's people and groups lie below; those there are stay."""
    ldap = ldap_library()
    for each in containers(domain, lockout or LockoutPolicy()):
        try:
            connection.add_s(each.dn, each.encoded())
        except ldap.ALREADY_EXISTS:
            continue


def domains(connection: Any, suffix: str) -> list[str]:
    """The tenants that have a subtree."""
    ldap = ldap_library()
    try:
        found = connection.search_s(
            f"ou=tenants,{suffix}", ldap.SCOPE_ONELEVEL, "(objectClass=organization)", ["o"]
        )
    except ldap.NO_SUCH_OBJECT:
        return []
    return [attributes["o"][0].decode() for dn, attributes in found if dn is not None]


def remove_domain(connection: Any, domain: Domain) -> None:
    """Take a tenant's subtree away, with whatever is still in it; never the system's."""
    ldap = ldap_library()
    try:
        found = connection.search_s(domain.base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"])
    except ldap.NO_SUCH_OBJECT:
        return
    for dn in sorted((dn for dn, _ in found if dn), key=lambda dn: -dn.count(",")):
        if not domain.system:
            delete(connection, dn)


def containers(domain: Domain, lockout: LockoutPolicy) -> list[Entry]:
    suffix, base = domain.suffix, domain.base
    first = suffix.partition(",")[0].partition("=")[2]
    top = Entry(suffix, {"objectClass": ["top", "domain"], "dc": [first]})
    tenants = _unit("tenants", suffix)
    own = Entry(base, {"objectClass": ["top", "organization"], "o": [domain.domain]})
    outer = [top, tenants] if domain.system else [top, tenants, own]
    units = [_unit(each, base) for each in _CONTAINERS]
    return [*outer, *units, Entry(domain.policy, _policy(lockout))]


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


_OURS = frozenset(
    {"givenName", "mail", "userPassword", "heliostatDisabled", "description"}
    | {"sshPublicKey", "userCertificate;binary"}
)
"""Attributes whose absence from a document means that the entry has none."""


def _add(connection: Any, entry: Entry, domain: Domain) -> None:
    ldap = ldap_library()
    try:
        connection.add_s(entry.dn, entry.encoded())
    except ldap.NO_SUCH_OBJECT:
        make_domain(connection, domain)
        connection.add_s(entry.dn, entry.encoded())


def _unit(name: str, base: str) -> Entry:
    return Entry(
        f"{rdn('ou', name)},{base}", {"objectClass": ["top", "organizationalUnit"], "ou": [name]}
    )


def _policy(lockout: LockoutPolicy) -> Attributes:
    return {
        "objectClass": ["top", "device", "pwdPolicy"],
        "cn": ["default"],
        "pwdAttribute": ["userPassword"],
        "pwdMaxFailure": [str(lockout.failures)],
        "pwdFailureCountInterval": [str(max(1, round(lockout.window_s)))],
        "pwdLockout": ["TRUE"],
        "pwdLockoutDuration": [str(max(1, round(lockout.locked_s)))],
        "pwdAllowUserChange": ["TRUE"],
    }


def at_csn(csn: str) -> Any:
    """A control (RFC 4528): only if the entry has that CSN; else ``ldap.ASSERTION_FAILED``."""
    from ldap.controls.libldap import AssertionControl

    return AssertionControl(True, f"(entryCSN={csn})")
