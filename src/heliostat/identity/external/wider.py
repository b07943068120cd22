"""Our filters in the form in which they travel to a directory elsewhere.  Pure.

What is sent may find too much and never too little: what comes back is tried by the filter
itself, in our words.  Where a server might compare more kindly than we do (accents, spaces),
or has no such comparison, a test is left out, so its opposite excludes nobody.  Values travel
as values: there is no text that they could be a part of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliostat.identity.directory import schema
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
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.external.attributes import CONDITIONAL, Form, Theirs, classes, table
from heliostat.identity.names import fold
from heliostat.identity.sources.entries import id_filter_value
from heliostat.identity.sources.protocol import filters as wire
from heliostat.identity.sources.protocol.dn import split, value_of
from heliostat.identity.sources.source import Source

Wire = wire.Filter | bool
"""A filter that travels, or whether everything (or nothing) can be found."""
AMONG = "@among"
"""The attribute of a test for being one of some entries; its value is their number."""
MOST_NAMED = 100
"""Entries that are asked for by name; among more, each entry is looked at."""
_SPACES = re.compile(" +")


@dataclass(frozen=True, slots=True)
class Words:
    """How entries of one kind are asked for; ``among`` are names of entries, by number."""

    by_name: Mapping[str, Theirs]
    classes: frozenset[str]
    conditional: Mapping[str, str]
    source: Source
    among: Sequence[Sequence[str] | None] = ()


def words_of(source: Source, kind: EntryKind, among: Sequence[Sequence[str] | None] = ()) -> Words:
    """By our names and, where those are no names of ours, by the source's own."""
    ours = {fold(name): theirs for name, theirs in table(source, kind).items()}
    theirs = {fold(each.name): each for each in ours.values()}
    conditional = {fold(name): fold(needs) for name, needs in CONDITIONAL.get(kind, {}).items()}
    fixed = frozenset(map(fold, classes(source, kind)))
    return Words({**theirs, **ours}, fixed, conditional, source, among)


def wider(asked: Filter, words: Words) -> Wire:
    """A filter that finds all that ``asked`` finds, and perhaps more."""
    match asked:
        case And(filters):
            return _all([wider(each, words) for each in filters])
        case Or(filters):
            return _some([wider(each, words) for each in filters])
        case Not(inner):
            return _not(_narrower(inner, words))
        case _:
            return _leaf(asked, words)


def _narrower(asked: Filter, words: Words) -> Wire:
    """A filter that finds nothing but what ``asked`` finds, and perhaps less."""
    match asked:
        case And(filters):
            return _all([_narrower(each, words) for each in filters])
        case Or(filters):
            return _some([_narrower(each, words) for each in filters])
        case Not(inner):
            return _not(wider(inner, words))
        case Present(name) if name in words.by_name and not words.by_name[name].known:
            return False  # what a server has never heard of is neither there nor not there
        case Present("accountdisabled"):
            return False  # worked out here, of much
        case Equal("objectclass", value) if fold(value) in words.conditional:
            return False
        case Present() | Equal("objectclass"):
            return _leaf(asked, words)
        case _:
            return False


def _leaf(asked: Filter, words: Words) -> Wire:
    match asked:
        case Equal("objectclass", value):
            return _class(fold(value), words)
        case Present("objectclass" | "entrydn"):
            return True
        case Substring("objectclass") | Undefined():
            return False
        case Equal(name, value) if name == AMONG:
            return _among(words.among[int(value)])
        case Equal("accountdisabled") | Present("accountdisabled") | Substring("accountdisabled"):
            return True
        case Substring("entrydn"):
            return False
        case Present(name):
            theirs = words.by_name.get(name)
            return wire.present(theirs.name) if theirs is not None else False
        case Equal(name) | Substring(name) | AtLeast(name) | AtMost(name):
            theirs = words.by_name.get(name)
            return _test(asked, theirs, words.source) if theirs is not None else False
        case _:
            return True


def _test(asked: Filter, theirs: Theirs, source: Source) -> Wire:
    match asked, theirs.form:
        case Equal(_, value), Form.ID:
            return wire.equals(theirs.name, id_filter_value(fold(value), source))
        case Equal(_, value), Form.TEXT:
            return wire.equals(theirs.name, _plain(value).strip()) if value.strip() else True
        case Equal(_, value), Form.NUMBER:
            number = value.strip()
            return wire.equals(theirs.name, number) if _is_number(number) else False
        case ((AtLeast(_, value) | AtMost(_, value)), Form.NUMBER):
            if not _is_number(value.strip()):
                return False
            compared = wire.at_least if isinstance(asked, AtLeast) else wire.at_most
            return compared(theirs.name, value.strip())
        case Substring(name, initial, middle, final), Form.TEXT:
            if not schema.has_substrings(name):
                return False
            parts = tuple(map(_plain, middle))
            if not theirs.known or not (initial or final or any(parts)):
                return wire.present(theirs.name)
            return wire.substrings(theirs.name, _plain(initial), parts, _plain(final))
        case _:
            return wire.present(theirs.name)


def _class(value: str, words: Words) -> Wire:
    needed = words.by_name.get(words.conditional.get(value, ""))
    return wire.present(needed.name) if needed is not None else value in words.classes


def _among(dns: Sequence[str] | None) -> Wire:
    """Entries with these names, by the nearest part of each; ``None``: too many to name."""
    if dns is None or len(dns) > MOST_NAMED:
        return True
    tests: list[Wire] = []
    for dn in dns:
        nearest = (split(dn) or [""])[0]
        attribute = nearest.partition("=")[0].strip()
        several = "+" in nearest or not wire.is_attribute(attribute)
        tests.append(True if several else wire.equals(attribute, value_of(nearest)))
    return _some(tests)


def _all(tests: Sequence[Wire]) -> Wire:
    if any(each is False for each in tests):
        return False
    kept = [each for each in tests if not isinstance(each, bool)]
    return wire.both(*kept) if kept else True


def _some(tests: Sequence[Wire]) -> Wire:
    if any(each is True for each in tests):
        return True
    kept = [each for each in tests if not isinstance(each, bool)]
    return wire.either(*kept) if kept else False


def _not(test: Wire) -> Wire:
    return not test if isinstance(test, bool) else wire.negated(test)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text)
