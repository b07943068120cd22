"""Who is who at a node, and who may what: the values of olcAuthzRegexp and olcAccess.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.openldap.config import DISABLED
from heliostat.identity.openldap.names import PEOPLE, controller_dn, replicator_dn, replicators_dn
from heliostat.identity.openldap.node import Node


def identities(suffix: str, owner: tuple[int, int]) -> list[str]:
    """Which names stand for which: nodes and controllers by certificate, the owner of the
    process (``owner``: user and group) as a controller, people by their tickets.
    """
    user, group = owner
    peer = f"gidNumber={group}\\+uidNumber={user},cn=peercred,cn=external,cn=auth"
    return [
        f'{{0}}"^cn=replicator,o=([a-z0-9-]+)$" "cn=$1,{replicators_dn(suffix)}"',
        f'{{1}}"^cn=controller,o=[^,]+$" "{controller_dn(suffix)}"',
        f'{{2}}"^{peer}$" "{controller_dn(suffix)}"',
        *_by_ticket(suffix),
    ]


def _by_ticket(suffix: str) -> list[str]:
    """Who somebody with a Kerberos ticket is, unless disabled; realms are domains in capitals."""
    own = ".".join(each.partition("=")[2] for each in suffix.split(",")).replace(".", r"\.")
    name, end = "^uid=([a-z0-9._-]+)@", ",cn=gssapi,cn=auth$"
    who = f"??one?(&(uid=$1)(!({DISABLED}=TRUE)))"
    return [
        f'{{3}}"{name}{own}{end}" "ldap:///ou={PEOPLE},{suffix}{who}"',
        f'{{4}}"{name}([a-z0-9.-]+){end}" "ldap:///ou={PEOPLE},o=$2,ou=tenants,{suffix}{who}"',
    ]


def access(suffix: str, others: Sequence[Node]) -> list[str]:
    """Who may what: other nodes see all, nobody reads a password, people see their own tenant.

    Passwords change through controllers, which know the rules and all that depends on them.
    A tenant is named, not matched: as a pattern its dots would stand for hyphens, too.
    """
    rules = [
        f"to attrs=entry,uid,{DISABLED} by anonymous =x by * break",
        _copying(suffix, others, "break"),
        'to attrs=userPassword filter="(heliostatDisabled=TRUE)" by * none',
        "to attrs=userPassword by anonymous auth by * none",
        "to attrs=heliostatRecord,pwdHistory by * none",
        f'to dn.regex="^(.+,)?(o=[^,]+,ou=tenants,{suffix})$" '
        'by dn.children,expand="$2" read by * none',
        f'to dn.exact="ou=tenants,{suffix}" by * none',
        f'to * by dn.regex="^[^,]+,ou=[^,]+,{suffix}$" read by * none',
    ]
    return [f"{{{number}}}{rule}" for number, rule in enumerate(rules)]


def log_access(suffix: str, others: Sequence[Node]) -> list[str]:
    """Who may read the log: other nodes."""
    return ["{0}" + _copying(suffix, others, "none")]


def _copying(suffix: str, others: Sequence[Node], last: str) -> str:
    names = sorted(replicator_dn(suffix, each.identity) for each in others)
    return " ".join(["to *", *(f'by dn.exact="{name}" read' for name in names), f"by * {last}"])
