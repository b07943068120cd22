"""Names of entries (RFC 4514): enough of them to tell whether one lies below another."""

from __future__ import annotations

import re

_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_PARTS = re.compile(r"[^=,+]+=[^\0]*")


def is_dn(text: str) -> bool:
    """Whether ``text`` looks like the name of an entry."""
    try:
        parts = parted(text)
    except UnicodeDecodeError:
        return False
    return bool(parts) and all(_PARTS.fullmatch(each) for each in parts)


def is_below(dn: str, base: str) -> bool:
    """Whether ``dn`` is ``base`` or lies below it; an empty base is above everything."""
    below, above = parted(dn), parted(base)
    return not above or below[-len(above) :] == above


def parted(dn: str) -> tuple[str, ...]:
    """The relative names, nearest first, in the form in which they are compared.

    >>> parted("CN=Last\\\\, First , dc=Corp")
    ('cn=last, first', 'dc=corp')
    """
    parts: list[str] = []
    part = bytearray()
    at = 0
    while at < len(dn):
        letter = dn[at]
        if letter == "\\" and _HEX.match(dn, at + 1):
            part += bytes.fromhex(dn[at + 1 : at + 3])
            at += 3
        elif letter == "\\":
            part += dn[at + 1 : at + 2].encode()
            at += 2
        elif letter in ",;":
            parts.append(_folded(bytes(part)))
            part.clear()
            at += 1
        else:
            part += letter.encode(errors="replace")
            at += 1
    return (*parts, _folded(bytes(part))) if dn.strip() else ()


def _folded(part: bytes) -> str:
    kind, equal, value = part.decode(errors="replace").partition("=")
    return f"{kind.strip()}{equal}{' '.join(value.split())}".casefold()
