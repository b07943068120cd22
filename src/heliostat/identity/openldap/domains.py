"""The subtrees of tenants: what their people lie below, and by which rules they are locked.

Blocking, on one connection; run by ``Pool``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heliostat.identity.openldap.differences import differences
from heliostat.identity.openldap.ldif import Attributes, Entry
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.names import (
    ACCOUNTS,
    COMPUTERS,
    GROUPS,
    PEOPLE,
    POLICIES,
    UNITS,
    base_of,
    rdn,
)
from heliostat.identity.passwords.options import LockoutPolicy

_CONTAINERS = (PEOPLE, GROUPS, ACCOUNTS, UNITS, COMPUTERS, POLICIES)


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


def delete(connection: Any, dn: str) -> None:
    ldap = ldap_library()
    try:
        connection.delete_s(dn)
    except (ldap.NO_SUCH_OBJECT, ldap.INVALID_DN_SYNTAX):
        return
