"""Searching and comparing over LDAP: names in, pages of entries out.

Entries go out page by page, so that a client that asks for everybody holds one page of
ours in memory, and one that does not read is waited for and then let go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import lru_cache

from heliostat.identity.directory import layout, schema
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.filters import And, Equal, Filter, matches
from heliostat.identity.directory.search import (
    Entry,
    EntryKind,
    Found,
    Position,
    Query,
    Scope,
)
from heliostat.identity.ldap_face.answers import RefusedError
from heliostat.identity.ldap_face.messages import Request, assertion_of
from heliostat.identity.ldap_face.places import Place
from heliostat.identity.ldap_face.replies import Code, entry
from heliostat.identity.names import fold
from heliostat.identity.realm import Realm

PAGE = 200
BASE, ONE, SUBTREE = "0", "1", "2"
_USER = frozenset(map(fold, schema.NAMES)) - schema.OPERATIONAL
_NO_POSITION = Position(EntryKind.UNIT, "")
_UNTOLD = frozenset({"entrydn"})
"""slapd tells these itself."""


@lru_cache(maxsize=256)
def wanted(attributes: str) -> frozenset[str]:
    """Folded names of the attributes that a request asks for."""
    found: set[str] = set()
    for each in attributes.split():
        if each in ("all", "*"):
            found |= _USER
        elif each == "+":
            found |= schema.OPERATIONAL
        else:
            found.add(schema.folded(each))
    return frozenset(found) - _UNTOLD


async def search(realm: Realm, place: Place, request: Request) -> AsyncIterator[bytes]:
    """Entries as LDIF, a page at a time; raises ``RefusedError`` and ``HeliostatError``."""
    asked = parse(request.get("filter"))
    scope, limit = request.get("scope"), _limit(request)
    query = Query(asked, base=place.unit, attributes=wanted(request.get("attrs")), limit=PAGE)
    told = 0
    async for page in _pages(realm, place, scope, query):
        lines = [entry(each.dn, _without_dn(each)) for each in page]
        told += len(lines)
        if limit and told > limit:
            yield b"".join(lines[: len(lines) - (told - limit)])
            raise RefusedError(Code.SIZE_LIMIT)
        yield b"".join(lines)


async def _pages(
    realm: Realm, place: Place, scope: str, query: Query
) -> AsyncIterator[tuple[Entry, ...]]:
    directory = realm.directory
    if place.is_leaf:
        yield await _leaf(directory, place, scope, query)
        return
    domain = not place.unit
    if domain and scope in (BASE, SUBTREE):
        yield _domain_entry(realm.options.domain, query)
    if scope == BASE:
        if not domain:
            yield await _unit_itself(directory, place, query)
        return
    query = replace(query, scope=Scope.ONE if scope == ONE else Scope.SUB)
    while True:
        found: Found = await directory.search(query)
        yield found.entries
        if not found.after:
            return
        query = replace(query, after=found.after)


async def _leaf(directory: Directory, place: Place, scope: str, query: Query) -> tuple[Entry, ...]:
    """The one entry at a name, if it matches; below it lies nothing."""
    named = Equal(place.attribute, place.name)
    one = replace(query, scope=Scope.ONE, kinds=place.kinds, limit=1)
    if scope != ONE:
        hit = await directory.search(replace(one, filter=And((named, query.filter))))
        if hit.entries:
            return hit.entries
    there = await directory.search(replace(one, filter=named, attributes=frozenset()))
    if not there.entries:
        raise RefusedError(Code.NO_SUCH_OBJECT)
    return ()


async def _unit_itself(directory: Directory, place: Place, query: Query) -> tuple[Entry, ...]:
    kinds = frozenset({EntryKind.UNIT})
    found = await directory.search(replace(query, kinds=kinds, limit=1))
    return found.entries if found.entries and _is_at(found.entries[0], place) else ()


def _is_at(entry_: Entry, place: Place) -> bool:
    return entry_.position.key == fold(place.unit)


def _domain_entry(domain: str, query: Query) -> tuple[Entry, ...]:
    attributes = {"objectClass": ("top", "domain"), "dc": (domain.partition(".")[0],)}
    if not matches(query.filter, lambda name: _of(attributes, name)):
        return ()
    # only its name and attributes are looked at
    at = Entry(EntryKind.UNIT, domain, layout.suffix_of(domain), attributes, _NO_POSITION)
    return (at,)


def _of(attributes: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    return next((values for each, values in attributes.items() if fold(each) == name), ())


def _without_dn(each: Entry) -> dict[str, tuple[str, ...]]:
    return {name: values for name, values in each.attributes.items() if name != "entryDN"}


def _limit(request: Request) -> int:
    text = request.get("sizelimit", "0")
    return int(text) if text.isdigit() else 0


async def compare(realm: Realm, place: Place, request: Request) -> Code:
    """Whether an entry has a value; raises ``RefusedError``."""
    attribute, value = assertion_of(request)
    if attribute not in schema.CANONICAL:
        raise RefusedError(Code.NO_SUCH_ATTRIBUTE)
    query = Query(base=place.unit, attributes=frozenset({attribute}), limit=1)
    entries = [each async for page in _pages(realm, place, BASE, query) for each in page]
    if not entries:
        raise RefusedError(Code.NO_SUCH_OBJECT)
    held = dict(entries[0].attributes)
    values = _of(held, attribute)
    if not values:
        raise RefusedError(Code.NO_SUCH_ATTRIBUTE)
    asked: Filter = Equal(attribute, value)
    return Code.COMPARE_TRUE if matches(asked, lambda _: values) else Code.COMPARE_FALSE
