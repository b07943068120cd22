"""Names of entries (RFC 4514): enough of them to tell whether one lies below another."""

from __future__ import annotations

import re

_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_RELATIVE = re.compile(r"(?:\\.|[^,\\])+", re.DOTALL)
_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\.", re.DOTALL)
_PARTS = re.compile(r"[^=,+]+=[^\0]*")


def is_dn(text: str) -> bool:
    """Whether ``text`` looks like the name of an entry."""
    try:
        parts = parted(text)
    except UnicodeDecodeError:
        return False
    return bool(parts) and all(_PARTS.fullmatch(each) for each in parts)


def split(dn: str) -> list[str]:
    """The relative names as they are written, nearest first.

    >>> split("CN=Last\\\\, First,DC=corp")
    ['CN=Last\\\\, First', 'DC=corp']
    """
    return [each.strip() for each in _RELATIVE.findall(dn)]


def value_of(relative: str) -> str:
    """The value in a relative name, nothing escaped.

    >>> value_of("CN=Last\\\\, First")
    'Last, First'
    """
    return _ESCAPED.sub(_plain, relative.partition("=")[2].strip())


def _plain(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) == 2:
        return text[1]
    return bytes.fromhex(text.replace("\\", "")).decode(errors="replace")


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
