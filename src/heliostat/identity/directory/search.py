"""What is asked of a directory's search, and what it answers.

An entry is found by a filter on its attributes, which are LDAP's (``uid``, ``mail``,
``memberOf``); ``schema`` says which there are.  Entries come in one order whatever changes
meanwhile: by kind, then by folded name; a cursor is the position of the last one seen, so who
goes on meets nothing twice and misses nothing that was there all the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.filters import EVERYTHING, Filter

MOST = 1000
"""Entries on a page."""


class EntryKind(StrEnum):
    """What a directory holds; listed in the order of results."""

    UNIT = "unit"
    USER = "user"
    GROUP = "group"
    ACCOUNT = "account"
    COMPUTER = "computer"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {kind: rank for rank, kind in enumerate(EntryKind)}
ALL_KINDS = frozenset(EntryKind)


class Scope(StrEnum):
    """How far below its base a search looks; the base itself only counts as LDAP has it."""

    ONE = "one"
    """What lies in the base itself."""
    SUB = "sub"
    """The base and everything below it."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry stands among results: kind and key (folded name, or a unit's path).

    Its text sorts as the position does.
    """

    kind: EntryKind
    key: str

    def __str__(self) -> str:
        return f"{self.kind.rank}:{self.key}"

    @property
    def order(self) -> tuple[int, str]:
        return (self.kind.rank, self.key)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``attributes`` by their canonical names, those that are binary in base64."""

    kind: EntryKind
    name: str
    dn: str
    attributes: Mapping[str, tuple[str, ...]]
    position: Position


@dataclass(frozen=True, slots=True)
class Query:
    """A search; ``base`` is a unit's path (empty: the whole tenant), ``after`` a cursor."""

    filter: Filter = EVERYTHING
    base: str = ""
    scope: Scope = Scope.SUB
    kinds: frozenset[EntryKind] = field(default=ALL_KINDS)
    limit: int = 100
    after: str = ""
    attributes: frozenset[str] | None = None
    """Folded names of what is told of an entry; ``None``: everything."""

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MOST:
            raise ValueError(f"a page has 1 to {MOST} entries, not {self.limit}")

    @property
    def start(self) -> tuple[int, str]:
        """What every result's order is greater than; raises ``PageExpired``."""
        if not self.after:
            return (-1, "")
        rank, colon, key = self.after.partition(":")
        if not colon or rank not in map(str, _RANKS.values()):
            raise PermanentError("PageExpired", "This page can't be read any more.")
        return (int(rank), key)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries; ``after`` is the cursor to go on with, empty on the last page."""

    entries: tuple[Entry, ...]
    after: str
