"""Requests and answers of LDAP version 3 (RFC 4511), as far as reading a directory needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from heliostat.identity.sources.protocol.ber import (
    ENUMERATED,
    SEQUENCE,
    SET,
    Malformed,
    Reader,
    boolean,
    integer,
    octets,
    sequence,
    tlv,
)
from heliostat.identity.sources.protocol.filters import Filter

START_TLS = "1.3.6.1.4.1.1466.20037"
PAGED = "1.2.840.113556.1.4.319"
MOST_VALUES = 4_000
"""Attributes and values of one entry: it comes with those that were asked for, and few."""
_EXTENDED = 0x78
_CONTROLS = 0xA0


class Answer(IntEnum):
    """Kinds of answers, by tag."""

    BOUND = 0x61
    ENTRY = 0x64
    DONE = 0x65
    REFERENCE = 0x73
    EXTENDED = _EXTENDED


class Scope(IntEnum):
    """How far below its base a search looks."""

    BASE = 0
    ONE = 1
    SUBTREE = 2


class Outcome(NamedTuple):
    """What a server says at the end: a result code (0: well), its own words, the next page."""

    code: int
    words: str
    cookie: bytes = b""


class Entry(NamedTuple):
    """An entry; attributes by folded name, values as they came."""

    dn: str
    values: dict[str, tuple[bytes, ...]]

    def texts(self, attribute: str) -> tuple[str, ...]:
        found = self.values.get(attribute.casefold(), ())
        return tuple(value.decode(errors="replace") for value in found)

    def text(self, attribute: str) -> str:
        """The first value; empty without any."""
        found = self.texts(attribute) if attribute else ()
        return found[0] if found else ""

    def raw(self, attribute: str) -> bytes:
        found = self.values.get(attribute.casefold(), ())
        return found[0] if found else b""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; ``limit``: how many entries are wanted at most."""

    base: str
    filter: Filter
    attributes: Sequence[str]
    scope: Scope = Scope.SUBTREE
    limit: int = 2


def bind(number: int, dn: str, password: str) -> bytes:
    """Prove to be ``dn``.  Whoever calls makes sure that the password is not empty: then a
    server answers "well" without any proof (RFC 4513, 5.1.2)."""
    content = sequence(integer(3), octets(dn), octets(password, 0x80), tag=0x60)
    return sequence(integer(number), content)


def bind_external(number: int) -> bytes:
    """Be whom the TLS certificate names."""
    mechanism = sequence(octets("EXTERNAL"), octets(""), tag=0xA3)
    return sequence(integer(number), sequence(integer(3), octets(""), mechanism, tag=0x60))


def unbind(number: int) -> bytes:
    return sequence(integer(number), tlv(0x42, b""))


def start_tls(number: int) -> bytes:
    return sequence(integer(number), sequence(octets(START_TLS, 0x80), tag=0x77))


def search(number: int, asked: Search, *, page: int, cookie: bytes, limit_s: int) -> bytes:
    """One page of a search; aliases are never followed."""
    content = sequence(
        octets(asked.base),
        integer(asked.scope, ENUMERATED),
        integer(0, ENUMERATED),
        integer(0),
        integer(limit_s),
        boolean(False),
        asked.filter,
        sequence(*map(octets, asked.attributes)),
        tag=0x63,
    )
    if not page:
        return sequence(integer(number), content)
    paging = sequence(integer(page), octets(cookie))
    control = sequence(octets(PAGED), boolean(False), octets(paging))
    return sequence(integer(number), content, sequence(control, tag=_CONTROLS))


def read(message: bytes) -> tuple[int, int, Entry | Outcome | None]:
    """Number, tag and content of an answer; raises ``Malformed``."""
    reader = Reader(message).inner(SEQUENCE)
    number = reader.number()
    tag = reader.tag
    content = reader.inner(tag)
    if tag == Answer.ENTRY:
        return number, tag, _entry(content)
    if tag == Answer.REFERENCE:
        return number, tag, None
    if tag not in set(Answer):
        raise Malformed(f"an answer of the unknown kind {tag:#x}")
    outcome = Outcome(content.number(ENUMERATED), _after_dn(content))
    cookie = _cookie(reader.inner(_CONTROLS)) if reader.tag == _CONTROLS else b""
    return number, tag, outcome._replace(cookie=cookie)


def _after_dn(content: Reader) -> str:
    content.take(0x04)
    return content.text()


def _entry(content: Reader) -> Entry:
    dn = content.text()
    values: dict[str, list[bytes]] = {}
    listed = content.inner(SEQUENCE)
    count = 0
    while listed.more:
        attribute = listed.inner(SEQUENCE)
        name = attribute.text().partition(";")[0].casefold()
        found = attribute.inner(SET)
        several = values.setdefault(name, [])  # an attribute may come in parts, by option
        while found.more and count <= MOST_VALUES:
            several.append(found.take(0x04))
            count += 1
        count += 1
        if count > MOST_VALUES:
            raise Malformed(f"an entry of more than {MOST_VALUES} values")
    return Entry(dn, {name: tuple(several) for name, several in values.items()})


def _cookie(controls: Reader) -> bytes:
    while controls.more:
        control = controls.inner(SEQUENCE)
        if control.text() != PAGED:
            continue
        if control.tag == 0x01:
            control.next()
        paging = Reader(control.take(0x04)).inner(SEQUENCE)
        paging.number()
        return paging.take(0x04)
    return b""
