"""Organisational units: where what a directory holds lies."""

from __future__ import annotations

from typing import Protocol

from heliostat.identity.directory.contract.reading import UnitReading
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import UnitView

CONTAINERS = {
    EntryKind.USER: "people",
    EntryKind.GROUP: "groups",
    EntryKind.ACCOUNT: "services",
    EntryKind.COMPUTER: "computers",
}
"""The built-in unit in which something lies unless another is said."""


class UnitVerbs(UnitReading, Protocol):
    """Organisational units; each verb raises ``UnitNotFound``."""

    async def create_unit(
        self, path: str, *, description: str = "", plan: bool = False
    ) -> UnitView:
        """Raises ``InvalidName``, ``UnitExists``."""

    async def change_unit(
        self,
        path: str,
        *,
        to: str | None = None,
        description: str | None = None,
        plan: bool = False,
    ) -> UnitView:
        """Describe a unit anew, or give it, with all that it holds, another path.

        Raises ``UnitExists``, and ``InvalidOperation`` for a built-in one or one into itself.
        """

    async def delete_unit(self, path: str, *, plan: bool = False) -> UnitView:
        """Raises ``UnitNotEmpty``, and ``InvalidOperation`` for a built-in one."""

    async def move(self, kind: EntryKind, name: str, unit: str, *, plan: bool = False) -> None:
        """Put a user, group, account or computer into another unit (empty: its container)."""
