"""The attributes that entries have, and how each compares.  Pure.

Names are LDAP's, with the synonyms and the object identifiers that clients may write; an
attribute that is not here is in no entry.  Distinguished names compare without regard to
case and to spaces around commas; numbers as numbers; everything else without regard to case
and to repeated spaces (RFC 4518, 2.6.1).
"""

from __future__ import annotations

import re

from heliostat.identity.names import fold

NAMES = (
    "objectClass", "dc", "ou", "uid", "cn", "sn", "givenName", "displayName", "mail",
    "description", "uidNumber", "gidNumber", "homeDirectory", "loginShell", "gecos", "member",
    "memberOf", "sshPublicKey", "userCertificate", "createTimestamp", "entryUUID",
    "structuralObjectClass", "entryDN", "hasSubordinates", "operatingSystem",
    "certificateSha256", "lastSeen", "accountDisabled",
)  # fmt: skip
"""Every attribute, as it is written."""
CANONICAL = {fold(name): name for name in NAMES}
SYNONYMS = {
    "userid": "uid", "0.9.2342.19200300.100.1.1": "uid",
    "commonname": "cn", "2.5.4.3": "cn",
    "surname": "sn", "2.5.4.4": "sn",
    "gn": "givenname", "2.5.4.42": "givenname",
    "rfc822mailbox": "mail", "0.9.2342.19200300.100.1.3": "mail", "email": "mail",
    "organizationalunitname": "ou", "2.5.4.11": "ou",
    "domaincomponent": "dc", "0.9.2342.19200300.100.1.25": "dc",
    "2.5.4.0": "objectclass", "2.5.4.13": "description", "2.5.4.31": "member",
    "usercertificate;binary": "usercertificate", "2.5.4.36": "usercertificate",
}  # fmt: skip
BINARY = frozenset({"usercertificate"})
"""Attributes whose values are bytes; in entries they are base64."""
OPERATIONAL = frozenset(
    {"createtimestamp", "entryuuid", "structuralobjectclass", "entrydn", "hassubordinates",
     "memberof"}
)  # fmt: skip
"""Attributes that are only told to who asks for them (or for ``+``)."""
_SPACES = re.compile(" +")
_DNS = frozenset({"member", "memberof", "entrydn"})
_NUMBERS = frozenset({"uidnumber", "gidnumber"})
_TIMES = frozenset({"createtimestamp", "lastseen"})
_EXACT = frozenset({"homedirectory", "loginshell", "sshpublickey", "usercertificate"})


def folded(attribute: str) -> str:
    """The key of an attribute in any of its spellings."""
    key = fold(attribute)
    return SYNONYMS.get(key, key)


def comparable(attribute: str, value: str) -> str:
    """What equal values of an attribute have in common."""
    if attribute in _DNS:
        return ",".join(part.strip() for part in fold(value).split(","))
    if attribute in _NUMBERS:
        return value.strip().lstrip("0") or "0"
    return value if attribute in _EXACT else part(value).strip()


def orderable(attribute: str, value: str) -> tuple[int, str] | None:
    """What values are ordered by; ``None`` where the attribute has no order, or not this value."""
    if attribute in _NUMBERS:
        text = value.strip()
        small = text.isascii() and text.isdecimal() and len(text) < 20
        return (int(text), "") if small else None
    return (0, value) if attribute in _TIMES else None


def has_substrings(attribute: str) -> bool:
    """Whether parts of a value can be looked for (RFC 4519 has no such rule for DNs, numbers)."""
    return attribute not in _DNS | _NUMBERS | BINARY | {"objectclass"}


def part(text: str) -> str:
    """Text as parts of it are looked for."""
    text = fold(text)
    return _SPACES.sub(" ", text) if "  " in text else text
