"""Whether all nodes hold the same, looked at entry by entry; and made so where they do not.

Replication decides by time which of two changes stays, but two changes of one attribute at two
nodes within the same few milliseconds can pass each other there (measured in the design
note), and then each node keeps another one for good.  So the copies are compared: of an
entry that differs, the version with the later CSN (of equal ones the lower server id's) is
written again, which is a change like any other.  The same brings an entry to nodes that lack
it (a node that was killed has what it wrote and had not logged), unless somebody's log says
that it was deleted after it was made: then it goes everywhere, so that a change on the other
side of a cut line brings nobody back who was deleted.  ``differing`` and ``was_deleted`` are
pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from heliostat.identity.openldap.conflicts import Logged
from heliostat.identity.openldap.entries import RELAX, at_csn
from heliostat.identity.openldap.library import ldap_library

Copy = Mapping[str, Mapping[str, tuple[bytes, ...]]]
"""Entries by folded name; each attribute's values sorted, with ``entryCSN`` among them."""
IDENTITY = "entryUUID"
"""What an entry is, whatever it is called: the same everywhere, and written by nobody."""
_OF_PASSWORDS = ("pwdChangedTime", "pwdAccountLockedTime", "pwdReset", "pwdPolicySubentry")
"""Operational attributes that decide who gets in: lists of failures grow at each node by itself."""
_UNWRITTEN = ("objectClass", IDENTITY)
_STAMPS = ("entryCSN", "createTimestamp")
_READ = ["*", *_STAMPS, *_OF_PASSWORDS, IDENTITY]
_SECOND = len("20261231235959")


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry that nodes hold differently; ``winner`` is the node whose version stays."""

    dn: str
    winner: int
    attributes: tuple[str, ...]
    missing: tuple[int, ...] = ()
    created: str = ""
    csn: str = ""
    others: tuple[int, ...] = ()
    """Nodes that hold another version."""

    @property
    def is_another(self) -> bool:
        """Whether the nodes have different entries of that name: none can become the other."""
        return IDENTITY in self.attributes


def read(connection: Any, suffix: str) -> Copy:
    """All entries of a node.  Blocking."""
    ldap = ldap_library()
    try:
        found = connection.search_s(suffix, ldap.SCOPE_SUBTREE, "(objectClass=*)", _READ)
    except ldap.NO_SUCH_OBJECT:
        return {}
    return {
        dn.casefold(): {name: tuple(sorted(values)) for name, values in attributes.items()}
        for dn, attributes in found
        if dn is not None
    }


def differing(copies: Mapping[int, Copy], *, before: str) -> list[Difference]:
    """Entries that nodes (by number) hold differently, and that nobody changed since ``before``."""
    names = sorted(set().union(*copies.values())) if copies else []
    found = []
    for dn in names:
        versions = {number: copy[dn] for number, copy in copies.items() if dn in copy}
        csns = {number: each["entryCSN"][0].decode() for number, each in versions.items()}
        if max(csns.values()) >= before:
            continue  # on its way, perhaps
        winner = max(csns, key=lambda number: (csns[number], -number))
        best = versions[winner]
        attributes = {
            name
            for each in versions.values()
            for name in best.keys() | each.keys()
            if name not in _STAMPS and best.get(name) != each.get(name)
        }
        missing = tuple(sorted(copies.keys() - versions.keys()))
        if attributes or missing:
            created = best.get("createTimestamp", (b"",))[0].decode()
            named = tuple(sorted(attributes))
            others = tuple(number for number, each in versions.items() if _differs(each, best))
            found.append(Difference(dn, winner, named, missing, created, csns[winner], others))
    return found


def _differs(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    names = (one.keys() | other.keys()) - set(_STAMPS)
    return any(one.get(name) != other.get(name) for name in names)


def was_deleted(difference: Difference, logged: Iterable[Logged]) -> bool:
    """Whether what only some nodes have was deleted, by the logs of all, since it was made."""
    return bool(difference.missing) and any(
        each.deletes
        and each.dn.casefold() == difference.dn
        and each.csn.text[:_SECOND] >= difference.created[:_SECOND]
        for each in logged
    )


def mended(connection: Any, difference: Difference, *, deleted: bool) -> bool:
    """Write the winner's version again at its node (or delete it), for all others.  Blocking.

    Gives whether it was still that version.
    """
    ldap = ldap_library()
    try:
        _mended(ldap, connection, difference, deleted=deleted)
    except (ldap.ASSERTION_FAILED, ldap.NO_SUCH_OBJECT):
        return False
    return True


def _mended(ldap: Any, connection: Any, difference: Difference, *, deleted: bool) -> None:
    unchanged = [at_csn(difference.csn)]
    if deleted:
        connection.delete_ext_s(difference.dn, serverctrls=unchanged)
        return
    names = [name for name in difference.attributes if name not in _UNWRITTEN] or ["objectClass"]
    found = connection.search_s(difference.dn, ldap.SCOPE_BASE, "(objectClass=*)", names)
    values = found[0][1]
    changes = [(ldap.MOD_REPLACE, name, list(values.get(name, ())) or None) for name in names]
    if set(names) & set(_OF_PASSWORDS):
        unchanged.append(ldap.controls.LDAPControl(RELAX, criticality=True))
    connection.modify_ext_s(difference.dn, changes, serverctrls=unchanged)


def told(difference: Difference, names: Mapping[int, str], *, deleted: bool) -> str:
    """The difference as a sentence."""
    winner = names.get(difference.winner, str(difference.winner))
    if difference.missing:
        where = ", ".join(names.get(each, str(each)) for each in difference.missing)
        done = "it had been deleted and was again" if deleted else "it was written again"
        return f"{difference.dn} was at {winner} and not at {where}; {done}."
    if difference.is_another:
        where = ", ".join(names.get(each, str(each)) for each in difference.others)
        return (
            f"{difference.dn} is one entry at {winner} and another one at {where}: make that "
            "node anew with `helio identity node replace`."
        )
    what = ", ".join(difference.attributes)
    return f"{difference.dn}: {what} differed; what {winner} has was written again."
