"""The directory: people, groups, service accounts, units, computers and clients.

Kept in the document store; every verb returns after its commit, raises errors
with stable codes, and with ``plan=True`` validates without writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Beside, beside
from heliostat.identity.directory.clients import Clients
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.filters import EVERYTHING
from heliostat.identity.directory.groups import Groups
from heliostat.identity.directory.search import ALL_KINDS, Entry, EntryKind, Query, Scope
from heliostat.identity.directory.searching import Searching
from heliostat.identity.directory.sign_in import SignIn


class Directory(SignIn, Groups, Searching, Clients):
    """All verbs of the directory: ``Directory(store, clock, ids, options)``."""

    def beside(self, also: Beside) -> AbstractContextManager[None]:
        """A change made inside commits what ``also`` says together with its own."""
        return beside(also)

    async def look_up(
        self, text: str, *, base: str, below: bool, kind: str, limit: int, after: str
    ) -> tuple[Sequence[Entry], str]:
        """``search`` by text: a filter, a unit's path, a kind (empty: every).

        Raises ``InvalidFilter``, ``UnitNotFound``, ``PageExpired``, ``InvalidEntity`` (kind).
        """
        if kind and kind not in set(EntryKind):
            raise PermanentError(
                "InvalidEntity", f"{kind[:40]!r} is none of {', '.join(EntryKind)}."
            )
        query = Query(
            parse(text) if text else EVERYTHING,
            base=base,
            scope=Scope.SUB if below else Scope.ONE,
            kinds=frozenset({EntryKind(kind)}) if kind else ALL_KINDS,
            limit=limit,
            after=after,
        )
        found = await self.search(query)
        return found.entries, found.after
