"""Entries of a directory elsewhere, told in our words.  Pure.

An entry that names nobody (no usable name or id) is none.  The values that are told are the
ones that a filter is tried on, so what is found is what is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from heliostat.identity.directory.entries import timestamp
from heliostat.identity.directory.filters import Values
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.external.attributes import CONDITIONAL, Form, Theirs, classes, table
from heliostat.identity.names import fold
from heliostat.identity.sources.entries import (
    LONGEST_NAME,
    group_in,
    id_of,
    is_barred,
    is_name,
    person_in,
    shown,
)
from heliostat.identity.sources.protocol.dn import split, value_of
from heliostat.identity.sources.protocol.messages import Entry
from heliostat.identity.sources.source import Source

_TIME = re.compile(r"(\d{14})(?:[.,]\d+)?Z")
_FILETIME_MS = 11_644_473_600_000


class Named(NamedTuple):
    """What an entry is called, its lasting id, and whether it may not sign in."""

    name: str
    id: str
    barred: bool = False


class Told(NamedTuple):
    """An entry in our words; ``attributes`` as they are written."""

    kind: EntryKind
    name: str
    id: str
    dn: str
    attributes: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """The first value of an attribute; empty without any."""
        return self.attributes.get(name, ("",))[0]

    def number(self, name: str) -> int:
        """A number's value; 0 for none."""
        text = self.first(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0

    @property
    def key(self) -> str:
        """Where it stands among its kind: by folded name, then by id, as two may have one name."""
        return f"{fold(self.name)}\x1f{self.id}"


def told(kind: EntryKind, entry: Entry, source: Source, now_ms: int) -> Told | None:
    """The entry in our words; ``None`` where it names nobody."""
    named = _named(kind, entry, source, now_ms)
    if named is None:
        return None
    attributes = {
        ours: values
        for ours, theirs in table(source, kind).items()
        if (values := _values(entry, theirs))
    }
    attributes["uid" if kind is EntryKind.USER else _NAMED_BY[kind]] = (named.name,)
    more = (name for name, needs in CONDITIONAL.get(kind, {}).items() if attributes.get(needs))
    attributes["objectClass"] = (*classes(source, kind), *more)
    attributes["entryUUID"] = (named.id,)
    attributes["entryDN"] = (entry.dn,)
    if named.barred:
        attributes["accountDisabled"] = ("TRUE",)
    return Told(kind, named.name, named.id, entry.dn, attributes)


_NAMED_BY = {EntryKind.GROUP: "cn", EntryKind.COMPUTER: "cn", EntryKind.UNIT: "ou"}


def values_of(entry: Told, source: Source) -> Values:
    """What a filter asks of an entry, by our names and by the source's own."""
    known = {fold(name): values for name, values in entry.attributes.items()}
    for ours, theirs in table(source, entry.kind).items():
        known.setdefault(fold(theirs.name), known.get(fold(ours), ()))
    return lambda name: known.get(name, ())


def time_ms(text: str) -> int:
    """Milliseconds since 1970 of a time as we tell it; 0 for none."""
    try:
        at = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(at.timestamp() * 1000)


def _named(kind: EntryKind, entry: Entry, source: Source, now_ms: int) -> Named | None:
    if kind is EntryKind.USER:
        person = person_in(entry, source, now_ms)
        return Named(person.name, person.id, person.barred) if person else None
    if kind is EntryKind.GROUP:
        group = group_in(entry, source)
        return Named(group.name, group.id) if group else None
    words = table(source, kind)
    id_ = id_of(entry.raw(words["entryUUID"].name), source)
    if kind is EntryKind.UNIT:
        name = shown(value_of((split(entry.dn) or [""])[0]))
        return Named(name, id_) if name else None
    name = entry.text("cn")
    if not is_name(name) or not id_:
        return None
    return Named(name, id_, is_barred(entry, source.kind, now_ms))


def _values(entry: Entry, theirs: Theirs) -> tuple[str, ...]:
    if theirs.form is Form.ID:
        return ()
    read = _READ[theirs.form]
    return tuple(value for each in entry.texts(theirs.name) if (value := read(each)))


def _time(text: str) -> str:
    found = _TIME.fullmatch(text)
    return f"{found[1]}Z" if found else ""


def _filetime(text: str) -> str:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        return ""
    at_ms = int(text) // 10_000 - _FILETIME_MS
    return timestamp(at_ms) if at_ms > 0 else ""


def _text(text: str) -> str:
    return shown(text) if len(text) <= LONGEST_NAME else "".join(filter(str.isprintable, text))


_READ: Mapping[Form, Callable[[str], str]] = {
    Form.TEXT: _text,
    Form.NUMBER: lambda text: text if text.isascii() and text.isdecimal() else "",
    Form.TIME: _time,
    Form.FILETIME: _filetime,
}
