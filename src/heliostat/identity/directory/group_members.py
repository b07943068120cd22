"""Who is in a group: put in, taken out, and every group that somebody counts as.

Groups may hold groups; circles are refused.  Two groups put into each other at once could
close a circle together, so a change that nests groups holds only while no group has changed
since it was read.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import Change, Guard, PrefixUnchanged
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.membership import circle
from heliostat.identity.directory.memberships import Memberships
from heliostat.identity.directory.part import with_members
from heliostat.identity.directory.records import Group
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import GroupView
from heliostat.identity.names import fold, security_group, subject_of

MEMBERS_AT_ONCE = 80
"""Members of a group that one commit puts in or takes out."""


class GroupMembers(Memberships):
    """The verbs on members of groups."""

    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Put a user, service account or group into ``group``; being in it already is fine.

        Raises ``GroupNotFound``, ``UserNotFound`` (no such member), ``CyclicGroups``.
        """
        return await self.change_members(group, add=(member,), plan=plan)

    async def remove_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Take a member out; raises ``GroupNotFound``, ``UserNotFound`` (not a member)."""
        return await self.change_members(group, remove=(member,), plan=plan)

    async def change_members(
        self,
        group: str,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        plan: bool = False,
    ) -> GroupView:
        """See ``GroupVerbs.change_members``."""
        if len(add) + len(remove) > MEMBERS_AT_ONCE:
            told = f"At most {MEMBERS_AT_ONCE} members are changed at once."
            raise PermanentError("InvalidEntity", told)

        async def decide() -> Decided[GroupView]:
            since = await self.store.revision()
            target = await self.stored_group(group)
            left = set(target.value.members) - self._named(target.value, remove)
            guards: list[Guard] = []
            for member in add:
                reference, own = await self._reference(member)
                if reference.startswith("group:"):
                    await self._refuse_circle(target.value, reference.removeprefix("group:"))
                    own = [PrefixUnchanged(self.kinds.groups.prefix, since)]
                left.add(reference)
                guards += [each for each in own if each not in guards]
            return await self._decided(target, left, guards)

        return await settle(self.store, decide, plan=plan)

    def _named(self, group: Group, members: Sequence[str]) -> set[str]:
        """The references of members; raises ``UserNotFound`` for one who is none."""
        held = {each.partition(":")[2]: each for each in group.members}
        keys = {self.key_of(each) or each: each for each in members}
        for missing in keys.keys() - held.keys():
            told = f"{keys[missing][:80]} is not a member of {group.name}."
            raise PermanentError("UserNotFound", told)
        return {held[key] for key in keys}

    async def effective_groups(self, subject: str) -> frozenset[str]:
        """Every group a user, account or group counts as: ``DOMAIN\\name``, and itself.

        Unknown subjects have none.
        """
        try:
            reference, _ = await self._reference(subject)
        except PermanentError:
            return frozenset()
        kind, _, key = reference.partition(":")
        itself = (await self.stored_group(key)).value.name if kind == "group" else key
        return frozenset({*await self.groups_of(reference), security_group(itself, self.domain)})

    async def _decided(
        self, stored: Stored[Group], members: set[str], guards: list[Guard]
    ) -> Decided[GroupView]:
        new = with_members(stored.value, members)
        changes: list[Change] = []
        if new != stored.value:
            changes = self.kinds.groups.put(new, stored.value)
        view = await self.view_group(new)
        return Decided(view, [self.kinds.groups.guard(stored), *guards], changes)

    async def stored_group(self, name: str) -> Stored[Group]:
        key = self.key_of(name)
        stored = await self.kinds.groups.get(self.store, key) if key else None
        if stored is None:
            raise PermanentError("GroupNotFound", f"There is no group {name[:80]}.")
        return stored

    async def _reference(self, member: str) -> tuple[str, list[Guard]]:
        """The reference of a member, and guards that it still exists at the commit.

        Without them a membership could outlive its user, and the next user of that
        name would inherit it.
        """
        key = self.key_of(member)
        group = await self.kinds.groups.get(self.store, key) if key else None
        if group is not None:
            return f"group:{key}", [self.kinds.groups.guard(group)]
        user = await self.kinds.users.get(self.store, key) if key else None
        if user is not None:
            return f"user:{key}", [self.kinds.users.guard(user)]
        account = await self.kinds.clients.get(self.store, key) if key else None
        if account is not None and account.value.is_service_account:
            return f"account:{key}", [self.kinds.clients.guard(account)]
        raise PermanentError(
            "UserNotFound", f"There is no user, group or service account {member[:80]}."
        )

    async def _refuse_circle(self, parent: Group, child: str) -> None:
        """Raise ``CyclicGroups`` if ``parent`` is somewhere in ``child``."""
        known: dict[str, Group] = {fold(parent.name): parent}
        waiting = [child]
        while waiting:
            key = waiting.pop()
            stored = await self.kinds.groups.get(self.store, key) if key not in known else None
            if stored is not None:
                known[key] = stored.value
                inner = (each.partition(":") for each in stored.value.members)
                waiting += [name for kind, _, name in inner if kind == "group"]
        closed = circle(known, fold(parent.name), child)
        if closed:
            names = " > ".join(known[key].name for key in closed)
            raise PermanentError("CyclicGroups", f"The groups would contain themselves: {names}.")

    async def view_group(self, group: Group) -> GroupView:
        return GroupView(
            name=group.name,
            security_group=security_group(group.name, self.domain),
            description=group.description,
            members=tuple([await self._spelled(each) for each in group.members]),
            built_in=group.built_in,
            created_ms=group.created_ms,
            unit=await self.path_of_unit(group.unit or CONTAINERS[EntryKind.GROUP]),
            number=group.number,
        )

    async def _spelled(self, reference: str) -> str:
        kind, _, key = reference.partition(":")
        if kind != "group":
            return subject_of(key, self.domain)
        stored = await self.kinds.groups.get(self.store, key)
        return security_group(stored.value.name if stored else key, self.domain)
