"""Leaving groups: whoever is deleted is in none afterwards, however many there were.

A commit has room for some thirty groups.  Who is in more leaves most of them before, in
commits of their own: membership only shrinks, so one that is cut off is safe to repeat.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.core.errors import TemporaryError
from heliostat.identity.decided import TRIES
from heliostat.identity.directory.computers import Computers
from heliostat.identity.directory.part import with_members

AT_ONCE = 30
"""Groups in one commit; each is a document and an index entry."""


class Memberships(Computers):
    """What the ends of users, accounts and groups share."""

    async def leaving(self, member: str) -> tuple[list[Guard], list[Change]]:
        """What takes ``member`` out of every group that names it, if nothing else changes."""
        groups = self.kinds.groups
        since = await self.store.revision()
        guards: list[Guard] = [groups.index_unchanged("member", member, since)]
        changes: list[Change] = []
        for key in await groups.ids_by_index(self.store, "member", member):
            stored = await groups.get(self.store, key)
            if stored is None:
                continue
            guards.append(groups.guard(stored))
            left = with_members(stored.value, set(stored.value.members) - {member})
            changes += groups.put(left, stored.value)
        return guards, changes

    async def leave_most(self, member: str) -> None:
        """Leave groups until those that remain fit into one commit."""
        groups, failed = self.kinds.groups, 0
        while True:
            keys = await groups.ids_by_index(self.store, "member", member)
            if len(keys) <= AT_ONCE:
                return
            guards: list[Guard] = []
            changes: list[Change] = []
            for key in keys[:AT_ONCE]:
                stored = await groups.get(self.store, key)
                if stored is not None:
                    guards.append(groups.guard(stored))
                    left = with_members(stored.value, set(stored.value.members) - {member})
                    changes += groups.put(left, stored.value)
            try:
                await self.store.commit(guards, changes)
            except GuardFailed:
                failed += 1
                if failed == TRIES:
                    raise TemporaryError(
                        "StoreUnavailable", f"Others changed the same groups {TRIES} times."
                    ) from None
