"""Groups, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.contract.reading import GroupReading
from heliostat.identity.directory.views import GroupView


class MemberVerbs(GroupReading, Protocol):
    """Who is in groups; each verb raises ``GroupNotFound``."""

    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Raises ``UserNotFound`` (no such member), ``CyclicGroups``."""

    async def remove_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Raises ``UserNotFound`` (not a member)."""


class GroupVerbs(MemberVerbs, Protocol):
    """Groups themselves; each verb raises ``GroupNotFound``."""

    async def change_members(
        self,
        group: str,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        plan: bool = False,
    ) -> GroupView:
        """Several at once, all or none; raises as for one, and ``InvalidEntity`` beyond 80."""

    async def create_group(
        self, name: str, *, description: str = "", unit: str = "", plan: bool = False
    ) -> GroupView:
        """Raises ``InvalidName``, ``GroupExists``, ``UnitNotFound``."""

    async def change_group(
        self,
        name: str,
        *,
        description: str | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> GroupView:
        """Write what is given and leave the rest; raises ``InvalidEntity``, ``UnitNotFound``."""

    async def delete_group(self, name: str, *, plan: bool = False) -> GroupView:
        """Raises ``InvalidOperation`` for a built-in one."""

    async def effective_groups(self, subject: str) -> frozenset[str]:
        """What a user, account or group counts as: ``DOMAIN\\name``, and itself."""
