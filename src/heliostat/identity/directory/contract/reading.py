"""What can be read of every directory, also of one elsewhere that is never written to.

Embedded and OpenLDAP promise it with all their verbs, ``external`` by itself.  What is read of
a directory elsewhere is what it says now: lists come without groups and members, and entries
without ``memberOf`` unless a query names it, since each of those is a question of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.search import Entry, Found, Query
from heliostat.identity.directory.views import ComputerView, GroupView, Paged, UnitView, UserView


class UserReading(Protocol):
    """People; ``get_user`` raises ``UserNotFound``."""

    async def get_user(self, name: str) -> UserView: ...
    async def page_users(self, *, limit: int, after: str = "", name: str = "") -> Paged[UserView]:
        """Up to ``limit`` people; with ``name`` only whoever has it."""


class GroupReading(Protocol):
    """Groups; ``get_group`` raises ``GroupNotFound``."""

    async def get_group(self, name: str) -> GroupView: ...
    async def page_groups(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[GroupView]: ...


class UnitReading(Protocol):
    """Organisational units; ``get_unit`` raises ``UnitNotFound``."""

    async def get_unit(self, path: str) -> UnitView: ...
    async def list_units(self) -> Sequence[UnitView]:
        """All, the built-in ones too, in order of their paths."""


class ComputerReading(Protocol):
    """Machines; ``get_computer`` raises ``ComputerNotFound``."""

    async def get_computer(self, name: str) -> ComputerView: ...
    async def page_computers(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[ComputerView]: ...


class Searching(Protocol):
    """Entries by the filters of LDAP."""

    async def search(self, query: Query) -> Found:
        """Entries that match, in the order of ``Entry.position``.

        Raises ``UnitNotFound`` (the base) and ``PageExpired`` (a cursor of nowhere).
        """


class LookingUp(Protocol):
    """Searching by what people type."""

    async def look_up(
        self,
        text: str,
        *,
        base: str,
        below: bool,
        kind: str,
        limit: int,
        after: str,
        with_groups: bool = False,
    ) -> tuple[Sequence[Entry], str]:
        """What the filter ``text`` finds, and the cursor to go on with (empty: no more).

        ``base`` is a unit's path; ``below``: what lies deeper, too; ``kind`` empty: every;
        ``with_groups``: with ``memberOf`` also where it costs a question for each entry.
        Raises ``InvalidFilter``, ``UnitNotFound``, ``PageExpired``, ``InvalidEntity`` (kind).
        """


class ReadableDirectory(
    UserReading, GroupReading, UnitReading, ComputerReading, Searching, LookingUp, Protocol
):
    """A directory as far as it is read."""
