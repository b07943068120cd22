"""Which keys of a kind a filter can only be true of, so that not all have to be read.  Pure.

A plan may hold too many keys and never too few: the filter itself decides in the end.
``None`` stands for all keys there are, a set for lookups that an index answers.
"""

from __future__ import annotations

from typing import NamedTuple

from heliostat.identity.directory import schema
from heliostat.identity.directory.entries import CLASSES, TABLES
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
from heliostat.identity.names import fold

MEMBER = "@member"
MEMBER_OF = "@memberof"
"""Tests on references (``user:ada``) and on group keys: what is asked about names of entries
becomes one of these before it is planned."""


class Lookup(NamedTuple):
    """Keys whose index ``field`` has ``value``; ``key`` is the key itself, ``prefix`` its start."""

    field: str
    value: str


Plan = frozenset[Lookup] | None
NOTHING: Plan = frozenset()
_INDEXES = {
    EntryKind.UNIT: {},
    EntryKind.USER: {
        "uid": "key",
        "mail": "email",
        "uidnumber": "number",
        "gidnumber": "number",
        MEMBER_OF: MEMBER_OF,
    },
    EntryKind.GROUP: {
        "cn": "key",
        "gidnumber": "number",
        MEMBER: "member",
        MEMBER_OF: MEMBER_OF,
    },
    EntryKind.ACCOUNT: {"uid": "key", MEMBER_OF: MEMBER_OF},
    EntryKind.COMPUTER: {"cn": "key", "certificatesha256": "certificate"},
}
_REFERRING = {
    EntryKind.UNIT: frozenset[str](),
    EntryKind.USER: frozenset({MEMBER_OF, "memberof"}),
    EntryKind.GROUP: frozenset({MEMBER, "member", MEMBER_OF, "memberof"}),
    EntryKind.ACCOUNT: frozenset({MEMBER_OF, "memberof"}),
    EntryKind.COMPUTER: frozenset[str](),
}
_ALWAYS = frozenset({"entrydn", "entryuuid"})
_HAS = {
    kind: frozenset(map(fold, table)) | _REFERRING[kind] | _ALWAYS for kind, table in TABLES.items()
}


def plan(kind: EntryKind, filter_: Filter) -> Plan:
    """The lookups that together find every key of ``kind`` for which ``filter_`` may be true."""
    match filter_:
        case And(filters):
            return _cheapest([plan(kind, each) for each in filters])
        case Or(filters):
            return _together([plan(kind, each) for each in filters])
        case Not():
            return None
        case Undefined():
            return NOTHING
        case Equal(attribute, value):
            return _of_value(kind, attribute, value)
        case Substring(attribute, initial):
            if initial and _INDEXES[kind].get(attribute) == "key":
                return frozenset({Lookup("prefix", schema.part(initial))})
            return None if attribute in _HAS[kind] else NOTHING
        case Present(attribute) | AtLeast(attribute) | AtMost(attribute):
            return None if attribute in _HAS[kind] else NOTHING


def _of_value(kind: EntryKind, attribute: str, value: str) -> Plan:
    if attribute not in _HAS[kind]:
        return NOTHING
    if attribute == "objectclass":
        return None if fold(value.strip()) in CLASSES[kind] else NOTHING
    field = _INDEXES[kind].get(attribute)
    if field is None:
        return None
    return frozenset({Lookup(field, schema.comparable(attribute, value))})


def _cheapest(plans: list[Plan]) -> Plan:
    known = [each for each in plans if each is not None]
    return min(known, key=_cost) if known else None


def _cost(lookups: frozenset[Lookup]) -> int:
    costs = {"key": 1, "prefix": 10_000, MEMBER_OF: 1_000, "member": 20}
    return sum(costs.get(each.field, 3) for each in lookups)


def _together(plans: list[Plan]) -> Plan:
    found: set[Lookup] = set()
    for each in plans:
        if each is None:
            return None
        found |= each
    return frozenset(found)
