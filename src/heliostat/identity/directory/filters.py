"""Filters of a search, and what they mean.  Pure; text form in ``filter_text``.

The six of RFC 4511 that an index can serve, joined by and, or and not.  A filter has three
values (4.5.1.7): what is asked of an attribute that has no such comparison is neither true
nor false, and neither is its opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heliostat.identity.directory import schema

Values = Callable[[str], Sequence[str]]
"""Values of an entry's attribute, by its folded name; none for one that it lacks."""


@dataclass(frozen=True, slots=True)
class Equal:
    """An attribute has this value, as the attribute compares."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Present:
    """An attribute has any value."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Substring:
    """A value starts with ``initial``, goes on with each of ``middle``, and ends with ``final``."""

    attribute: str
    initial: str = ""
    middle: tuple[str, ...] = ()
    final: str = ""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A value is this or comes after it."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class AtMost:
    """A value is this or comes before it."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none, true (RFC 4526)."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; of none, false (RFC 4526)."""

    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class Undefined:
    """Something that can't be compared here: matches nothing, and neither does its opposite."""


Filter = Equal | Present | Substring | AtLeast | AtMost | And | Or | Not | Undefined
EVERYTHING: Filter = And(())


def matches(filter_: Filter, values: Values) -> bool:
    """Whether an entry with these values is found."""
    return evaluate(filter_, values) is True


def evaluate(filter_: Filter, values: Values) -> bool | None:
    """True, false, or (``None``) undefined."""
    match filter_:
        case And(filters):
            return _all([evaluate(each, values) for each in filters])
        case Or(filters):
            inverted = _all([_not(evaluate(each, values)) for each in filters])
            return _not(inverted)
        case Not(inner):
            return _not(evaluate(inner, values))
        case Undefined():
            return None
        case Present(attribute):
            return bool(values(attribute))
        case Equal(attribute, value):
            wanted = schema.comparable(attribute, value)
            return any(schema.comparable(attribute, each) == wanted for each in values(attribute))
        case Substring(attribute):
            return _has_substring(filter_, values(attribute))
        case AtLeast(attribute, value) | AtMost(attribute, value):
            return _ordered(filter_, attribute, value, values)


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(results: Sequence[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results else True


def _has_substring(wanted: Substring, found: Sequence[str]) -> bool | None:
    if not schema.has_substrings(wanted.attribute):
        return None
    initial, final = schema.part(wanted.initial), schema.part(wanted.final)
    middle = [schema.part(each) for each in wanted.middle]
    for each in found:
        text = schema.part(each)
        if not text.startswith(initial) or not text.endswith(final):
            continue
        rest = text[len(initial) : len(text) - len(final)]
        if len(text) >= len(initial) + len(final) and _follows(rest, middle):
            return True
    return False


def _follows(text: str, parts: Sequence[str]) -> bool:
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _ordered(filter_: AtLeast | AtMost, attribute: str, value: str, values: Values) -> bool | None:
    wanted = schema.orderable(attribute, value)
    if wanted is None:
        return None
    for each in values(attribute):
        have = schema.orderable(attribute, each)
        if have is None:
            continue
        if have >= wanted if isinstance(filter_, AtLeast) else have <= wanted:
            return True
    return False
