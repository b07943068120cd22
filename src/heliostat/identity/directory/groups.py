"""Groups: create, change, delete.  Who is in them is ``group_members``'s."""

from __future__ import annotations

import contextlib

import msgspec

from heliostat.cloudstore.contract import GuardFailed
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.fields import LONGEST_DESCRIPTION, checked_text
from heliostat.identity.directory.group_members import MEMBERS_AT_ONCE, GroupMembers
from heliostat.identity.directory.memberships import AT_ONCE
from heliostat.identity.directory.part import with_members
from heliostat.identity.directory.records import Group
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import GroupView, Paged
from heliostat.identity.names import fold


class Groups(GroupMembers):
    """The verbs on groups."""

    async def create_group(
        self, name: str, *, description: str = "", unit: str = "", plan: bool = False
    ) -> GroupView:
        """See ``GroupVerbs.create_group``."""
        bare = self.new_name(name)
        described = checked_text("description", description, LONGEST_DESCRIPTION)
        await self.claim(bare, "GroupExists")
        now_ms, number = self.clock.now_ms(), 0 if plan else await self.numbers.take()

        async def decide() -> Decided[GroupView]:
            guards = await self.claim(bare, "GroupExists")
            unit_id, unit_guards = await self.unit_for(EntryKind.GROUP, unit)
            group = Group(
                name=bare, description=described, created_ms=now_ms, unit=unit_id, number=number
            )
            return Decided(
                await self.view_group(group), [*guards, *unit_guards], self.kinds.groups.put(group)
            )

        return await settle(self.store, decide, plan=plan)

    async def get_group(self, name: str) -> GroupView:
        """Raises ``GroupNotFound``."""
        return await self.view_group((await self.stored_group(name)).value)

    async def page_groups(self, *, limit: int, after: str = "", name: str = "") -> Paged[GroupView]:
        """See ``GroupVerbs.page_groups``."""
        return await self.page_of(
            self.kinds.groups, self.view_group, limit=limit, after=after, name=name
        )

    async def change_group(
        self,
        name: str,
        *,
        description: str | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> GroupView:
        """See ``GroupVerbs.change_group``."""

        async def decide() -> Decided[GroupView]:
            stored = await self.stored_group(name)
            new, guards = await self.placed(EntryKind.GROUP, stored.value, unit)
            if description is not None:
                text = checked_text("description", description, LONGEST_DESCRIPTION)
                new = msgspec.structs.replace(new, description=text)
            changes = self.kinds.groups.put(new, stored.value) if new != stored.value else []
            return Decided(
                await self.view_group(new), [self.kinds.groups.guard(stored), *guards], changes
            )

        return await settle(self.store, decide, plan=plan)

    async def delete_group(self, name: str, *, plan: bool = False) -> GroupView:
        """Delete a group (its members stay); gives what was deleted.

        Raises ``GroupNotFound``, and ``InvalidOperation`` for a built-in group.
        """
        first = (await self.stored_group(name)).value
        if first.built_in:
            raise PermanentError(
                "InvalidOperation",
                f"{first.name} can't be deleted.",
                hint="It is who administers here; `helio group remove-member` takes out.",
            )
        view = await self.view_group(first)
        if not plan:
            await self.leave_most(f"group:{fold(first.name)}")
            await self._empty_most(name)

        async def decide() -> Decided[GroupView]:
            stored = await self.stored_group(name)
            guards, changes = await self.leaving(f"group:{fold(stored.value.name)}")
            changes += self.kinds.groups.delete(stored.value)
            return Decided(view, [self.kinds.groups.guard(stored), *guards], changes)

        return await settle(self.store, decide, plan=plan)

    async def _empty_most(self, name: str) -> None:
        """Take members out until the rest goes with the group in one commit."""
        while len((stored := await self.stored_group(name)).value.members) > AT_ONCE:
            left = set(stored.value.members[MEMBERS_AT_ONCE:])
            changes = self.kinds.groups.put(with_members(stored.value, left), stored.value)
            with contextlib.suppress(GuardFailed):  # somebody changed it: what is left is read anew
                await self.store.commit([self.kinds.groups.guard(stored)], changes)
