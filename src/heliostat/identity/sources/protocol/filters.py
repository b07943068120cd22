"""Search filters (RFC 4511, 4.5.1.7; text as in RFC 4515).

A filter is made in the form in which it travels, from attributes and values: a value is
never pasted into text, so nothing in a name that somebody types can change a filter.  Text
is read only where an administrator has written a filter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NewType

from heliostat.identity.sources.protocol.ber import boolean, octets, sequence, tlv

Filter = NewType("Filter", bytes)
"""A filter as it travels."""

LONGEST = 4096
DEEPEST = 16
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9-]+)*")
_EXTENSIBLE = re.compile(r"(?P<type>[^:]*)(?P<dn>:dn)?(?::(?P<rule>[^:]+))?:", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})|\\")


class BadFilter(ValueError):
    """Text that is no filter; says where."""


def is_attribute(text: str) -> bool:
    """Whether ``text`` is the description of an attribute."""
    return len(text) <= 255 and _ATTRIBUTE.fullmatch(text) is not None


def equals(attribute: str, value: str | bytes) -> Filter:
    return Filter(sequence(octets(attribute), octets(value), tag=0xA3))


def present(attribute: str) -> Filter:
    return Filter(octets(attribute, 0x87))


def by_rule(attribute: str, rule: str, value: str | bytes) -> Filter:
    """``attribute:rule:=value``."""
    return Filter(
        sequence(octets(rule, 0x81), octets(attribute, 0x82), octets(value, 0x83), tag=0xA9)
    )


def both(*filters: Filter) -> Filter:
    """All of them hold."""
    return filters[0] if len(filters) == 1 else Filter(tlv(0xA0, b"".join(filters)))


def either(*filters: Filter) -> Filter:
    """One of them holds."""
    return filters[0] if len(filters) == 1 else Filter(tlv(0xA1, b"".join(filters)))


def negated(inner: Filter) -> Filter:
    """It does not hold."""
    return Filter(tlv(0xA2, inner))


def at_least(attribute: str, value: str) -> Filter:
    return Filter(sequence(octets(attribute), octets(value), tag=0xA5))


def at_most(attribute: str, value: str) -> Filter:
    return Filter(sequence(octets(attribute), octets(value), tag=0xA6))


def substrings(attribute: str, initial: str, middle: Sequence[str], final: str) -> Filter:
    """A value has these parts in their order; there is one at least."""
    tagged = [(0x80, initial), *((0x81, each) for each in middle), (0x82, final)]
    pieces = [octets(part, tag) for tag, part in tagged if part]
    return Filter(sequence(octets(attribute), sequence(*pieces), tag=0xA4))


def parse(text: str) -> Filter:
    """The filter that ``text`` is; raises ``BadFilter``."""
    if len(text) > LONGEST:
        raise BadFilter(f"it has more than {LONGEST} characters")
    found, end = _parse(text, 0, 0)
    if end != len(text):
        raise BadFilter(f"{text[end : end + 20]!r} is left over")
    return found


def _parse(text: str, at: int, depth: int) -> tuple[Filter, int]:
    if depth > DEEPEST:
        raise BadFilter(f"it is nested more than {DEEPEST} deep")
    if text[at : at + 1] != "(":
        raise BadFilter(f"an opening parenthesis is missing at {text[at : at + 20]!r}")
    sign = text[at + 1 : at + 2]
    if sign in {"&", "|", "!"}:
        return _combined(text, at + 2, sign, depth)
    end = text.find(")", at)
    if end < 0:
        raise BadFilter("a closing parenthesis is missing")
    return _item(text[at + 1 : end]), end + 1


def _combined(text: str, at: int, sign: str, depth: int) -> tuple[Filter, int]:
    inner: list[Filter] = []
    while text[at : at + 1] == "(":
        found, at = _parse(text, at, depth + 1)
        inner.append(found)
    if text[at : at + 1] != ")":
        raise BadFilter("a closing parenthesis is missing")
    if not inner or (sign == "!" and len(inner) != 1):
        raise BadFilter(f"{sign} has {len(inner)} filters inside")
    tag = {"&": 0xA0, "|": 0xA1, "!": 0xA2}[sign]
    return Filter(tlv(tag, b"".join(inner))), at + 1


def _item(text: str) -> Filter:
    left, equal, value = text.partition("=")
    if not equal or "(" in text:
        raise BadFilter(f"{text[:40]!r} compares nothing")
    if left.endswith(":"):
        return _extensible(left, value)
    for sign, tag in (("~", 0xA8), (">", 0xA5), ("<", 0xA6)):
        if left.endswith(sign):
            return _compared(tag, left[:-1], value)
    if value == "*":
        return present(_attribute(left))
    if "*" in value:
        return _substrings(_attribute(left), value.split("*"))
    return _compared(0xA3, left, value)


def _compared(tag: int, attribute: str, value: str) -> Filter:
    return Filter(sequence(octets(_attribute(attribute)), octets(_plain(value)), tag=tag))


def _substrings(attribute: str, parts: list[str]) -> Filter:
    tags = [0x80, *([0x81] * (len(parts) - 2)), 0x82]
    pieces = [octets(_plain(part), tag) for tag, part in zip(tags, parts, strict=True) if part]
    if not pieces:
        raise BadFilter("a value is nothing but stars")
    return Filter(sequence(octets(attribute), sequence(*pieces), tag=0xA4))


def _extensible(left: str, value: str) -> Filter:
    found = _EXTENSIBLE.fullmatch(left)
    if found is None or not (found["type"] or found["rule"]):
        raise BadFilter(f"{left[:40]!r} names no attribute and no rule")
    parts = []
    if found["rule"]:
        parts.append(octets(_attribute(found["rule"]), 0x81))
    if found["type"]:
        parts.append(octets(_attribute(found["type"]), 0x82))
    parts.append(octets(_plain(value), 0x83))
    if found["dn"]:
        parts.append(tlv(0x84, boolean(True)[2:]))
    return Filter(sequence(*parts, tag=0xA9))


def _attribute(text: str) -> str:
    text = text.strip()
    if not is_attribute(text):
        raise BadFilter(f"{text[:40]!r} is no attribute")
    return text


def _plain(text: str) -> bytes:
    """A value without its escapes."""
    if "*" in text:
        raise BadFilter("a star in a value is written \\2a")
    plain, at = b"", 0
    for found in _ESCAPE.finditer(text):
        if found[1] is None:
            raise BadFilter("a backslash is followed by two hexadecimal digits")
        plain += text[at : found.start()].encode() + bytes.fromhex(found[1])
        at = found.end()
    return plain + text[at:].encode()
