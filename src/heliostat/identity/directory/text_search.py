"""Searching a directory by what people type: a filter, a unit's path, the name of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.contract.reading import Searching
from heliostat.identity.directory.filter_text import parse
from heliostat.identity.directory.filters import EVERYTHING
from heliostat.identity.directory.schema import CANONICAL
from heliostat.identity.directory.search import ALL_KINDS, Entry, EntryKind, Query, Scope


class TextSearch(Searching, Protocol):
    """``look_up`` of whatever has ``search``."""

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
        """See ``LookingUp.look_up``."""
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
            attributes=frozenset(CANONICAL) if with_groups else None,
        )
        found = await self.search(query)
        return found.entries, found.after
