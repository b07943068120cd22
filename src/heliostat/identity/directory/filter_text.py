"""Filters as text (RFC 4515), and back.

What comes from outside is bounded before it is read: so many bytes, so many tests, so deep.
``spelled`` escapes every character that could end a value, so text made from parts means
what the parts say, whatever they contain.
"""

from __future__ import annotations

import re
from typing import NoReturn

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.filters import (
    And,
    AtLeast,
    AtMost,
    Equal,
    Filter,
    Not,
    Or,
    Present,
    Substring,
    Undefined,
)
from heliostat.identity.directory.schema import folded

LONGEST = 64 << 10
DEEPEST = 32
MOST = 512
"""Tests in one filter."""
_ITEM = re.compile(r"([A-Za-z0-9][A-Za-z0-9.;-]*)(=|>=|<=|~=)")
_COMPUTED: dict[str, Filter] = {"?=true": And(()), "?=false": Or(()), "?=undefined": Undefined()}
_PAIR = re.compile(r"[0-9A-Fa-f]{2}")


def parse(text: str) -> Filter:
    """The filter that ``text`` spells; ``uid=ada`` may stand without brackets.

    Raises ``InvalidFilter``.
    """
    text = text.strip()
    if len(text) > LONGEST:
        _refuse(f"it has {len(text)} characters; at most {LONGEST} are read")
    reader = _Reader(text if text.startswith("(") else f"({text})")
    found = reader.filter(0)
    if reader.at != len(reader.text):
        _refuse(f"{reader.text[reader.at :][:20]!r} follows after its end")
    return found


def spelled(filter_: Filter) -> str:
    """The text of a filter; ``parse`` gives the same filter."""
    match filter_:
        case And(filters):
            return f"(&{''.join(map(spelled, filters))})"
        case Or(filters):
            return f"(|{''.join(map(spelled, filters))})"
        case Not(inner):
            return f"(!{spelled(inner)})"
        case Undefined():
            return "(?=undefined)"
        case Present(attribute):
            return f"({attribute}=*)"
        case Equal(attribute, value):
            return f"({attribute}={escaped(value)})"
        case AtLeast(attribute, value):
            return f"({attribute}>={escaped(value)})"
        case AtMost(attribute, value):
            return f"({attribute}<={escaped(value)})"
        case Substring(attribute, initial, middle, final):
            parts = "*".join(map(escaped, (initial, *middle, final)))
            return f"({attribute}={parts})"


def escaped(value: str) -> str:
    """A value inside of a filter's text."""
    return "".join(f"\\{ord(each):02x}" if each in "\0()*\\" else each for each in value)


class _Reader:
    """Goes through the text once; ``at`` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._tests = 0

    def filter(self, depth: int) -> Filter:
        if depth > DEEPEST:
            _refuse(f"it is nested more than {DEEPEST} deep")
        self._tests += 1
        if self._tests > MOST:
            _refuse(f"it has more than {MOST} tests")
        self._expect("(")
        sign = self.text[self.at : self.at + 1]
        if sign in ("&", "|", "!") and sign:
            self.at += 1
            found = self._joined(sign, depth)
        else:
            found = self._item()
        self._expect(")")
        return found

    def _joined(self, sign: str, depth: int) -> Filter:
        inner: list[Filter] = []
        while self.text[self.at : self.at + 1] == "(":
            inner.append(self.filter(depth + 1))
        if sign == "!":
            if len(inner) != 1:
                _refuse("`!` takes exactly one filter")
            return Not(inner[0])
        return And(tuple(inner)) if sign == "&" else Or(tuple(inner))

    def _item(self) -> Filter:
        end = self.text.find(")", self.at)
        raw = self.text[self.at : end] if end >= 0 else self.text[self.at :]
        self.at += len(raw)
        if raw.startswith("?"):  # how slapd writes what it has worked out, or knows no name for
            return _COMPUTED.get(raw, Undefined())
        if raw.partition("=")[0].endswith(":"):
            return Undefined()  # other matching rules than an attribute's own
        found = _ITEM.match(raw)
        if found is None:
            _refuse(f"{raw[:40]!r} is no test such as uid=ada")
        attribute, sign, value = folded(found[1]), found[2], raw[found.end() :]
        if sign == ">=":
            return AtLeast(attribute, _unescaped(value))
        if sign == "<=":
            return AtMost(attribute, _unescaped(value))
        if sign == "~=" or "*" not in value:
            return Equal(attribute, _unescaped(value))
        if value == "*":
            return Present(attribute)
        initial, *middle, final = map(_unescaped, value.split("*"))
        return Substring(attribute, initial, tuple(each for each in middle if each), final)

    def _expect(self, character: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            _refuse(f"`{character}` is missing at character {self.at + 1}")
        self.at += 1


def _unescaped(value: str) -> str:
    if "(" in value:
        _refuse("`(` in a value is written \\28")
    if "\\" not in value:
        return value
    head, *parts = value.split("\\")
    raw = bytearray(head.encode())
    for part in parts:
        if not _PAIR.match(part):
            _refuse("a backslash in a value is written \\5c")
        raw += bytes.fromhex(part[:2]) + part[2:].encode()
    return raw.decode(errors="replace")


def _refuse(why: str) -> NoReturn:
    raise PermanentError("InvalidFilter", f"The filter can't be read: {why}.")
