"""Where entries lie as LDAP names them.  Pure.

A tenant's suffix is made of its domain (``dc=acme,dc=example``); units are ``ou=``, people and
service accounts ``uid=``, groups and computers ``cn=``.  Names in a distinguished name are
escaped (RFC 4514), so a unit called ``R, D`` is one unit.
"""

from __future__ import annotations

import re

from heliostat.identity.directory.search import EntryKind

NAMED_BY = {
    EntryKind.UNIT: "ou",
    EntryKind.USER: "uid",
    EntryKind.GROUP: "cn",
    EntryKind.ACCOUNT: "uid",
    EntryKind.COMPUTER: "cn",
}
_PART = re.compile(r" *([A-Za-z0-9.-]+) *= *((?:\\.|[^\\,+])*)(,|\+|$)", re.DOTALL)
_PAIR = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\.", re.DOTALL)
LONGEST = 4096
DEEPEST = 64

Rdn = tuple[str, str]
"""An attribute's folded name and the value, nothing escaped."""


def suffix_of(domain: str) -> str:
    """The distinguished name of a tenant: ``dc=acme,dc=example``."""
    return ",".join(f"dc={escaped(label)}" for label in domain.split("."))


def dn_of_unit(path: str, domain: str) -> str:
    """The name of the unit with this path; of the tenant for an empty one."""
    units = [f"ou={escaped(each)}" for each in reversed(path.split("/")) if each]
    return ",".join([*units, suffix_of(domain)])


def dn_of(kind: EntryKind, name: str, unit: str, domain: str) -> str:
    """The name of what is called ``name`` in the unit with the path ``unit``."""
    return f"{NAMED_BY[kind]}={escaped(name)},{dn_of_unit(unit, domain)}"


def escaped(value: str) -> str:
    """A value inside of a distinguished name."""
    text = _SPECIAL.sub(lambda found: f"\\{ord(found[0]):02x}", value)
    if text[:1] in (" ", "#"):
        text = f"\\{ord(text[0]):02x}{text[1:]}"
    if text.endswith(" "):
        text = text[:-1] + "\\20"
    return text


_SPECIAL = re.compile(r'[,+"\\<>;=\x7f\x00-\x1f]')


def parsed(dn: str) -> list[Rdn] | None:
    """The parts of a distinguished name, the innermost first; ``None`` if it is none.

    A part of several attributes (``cn=a+uid=b``) names nothing here, so it is none either.
    """
    if len(dn) > LONGEST:
        return None
    if not dn.strip():
        return []
    parts: list[Rdn] = []
    at = 0
    while len(parts) < DEEPEST:
        found = _PART.match(dn, at)
        if found is None or found[3] == "+":
            return None
        parts.append((found[1].lower(), _unescaped(_stripped(found[2]))))
        at = found.end()
        if found[3] != ",":
            return parts if at == len(dn) else None
    return None


def _stripped(text: str) -> str:
    """Without the spaces around it, but for one that is escaped."""
    text = text.strip(" ")
    escapes = len(text) - len(text.rstrip("\\"))
    return f"{text} " if escapes % 2 else text


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _PAIR.sub(lambda found: _plain(found[0]), value)


def _plain(text: str) -> str:
    if len(text) == 2:
        return text[1]
    return bytes.fromhex(text.replace("\\", "")).decode(errors="replace")
