"""Groups: create, delete, members.  Groups may hold groups; circles are refused.

Two members added at once could close a circle together, so a change of
membership holds only while no group has changed since all were read.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import Guard
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.membership import circle
from heliostat.identity.directory.part import DirectoryPart, GroupsRead, with_members
from heliostat.identity.directory.views import GroupView
from heliostat.identity.names import fold, security_group, subject_of
from heliostat.identity.records import Group


class Groups(DirectoryPart):
    """The verbs on groups."""

    async def create_group(
        self, name: str, *, description: str = "", plan: bool = False
    ) -> GroupView:
        """Raises ``InvalidName``, ``GroupExists``."""
        bare = self.new_name(name)
        group = Group(name=bare, description=description, created_ms=self.clock.now_ms())

        async def decide() -> Decided[GroupView]:
            guards = await self.claim(bare, "GroupExists")
            return Decided(self._view_group(group, {}), guards, self.kinds.groups.put(group))

        return await settle(self.store, decide, plan=plan)

    async def get_group(self, name: str) -> GroupView:
        """Raises ``GroupNotFound``."""
        read = await self.read_groups()
        return self._view_group(self._group(read, name), read.by_key)

    async def list_groups(self) -> list[GroupView]:
        """All groups, by name."""
        read = await self.read_groups()
        return [self._view_group(group, read.by_key) for group in read.by_key.values()]

    async def delete_group(self, name: str, *, plan: bool = False) -> GroupView:
        """Delete a group (its members stay); gives what was deleted.

        Raises ``GroupNotFound``, and ``InvalidOperation`` for a built-in group.
        """

        async def decide() -> Decided[GroupView]:
            read = await self.read_groups()
            group = self._group(read, name)
            if group.built_in:
                raise PermanentError("InvalidOperation", f"{group.name} can't be deleted.")
            changes = [*self.kinds.groups.delete(group), *read.without(f"group:{fold(group.name)}")]
            return Decided(self._view_group(group, read.by_key), [read.guard()], changes)

        return await settle(self.store, decide, plan=plan)

    async def add_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Put a user, service account or group into ``group``; being in it already is fine.

        Raises ``GroupNotFound``, ``UserNotFound`` (no such member), ``CyclicGroups``.
        """

        async def decide() -> Decided[GroupView]:
            read = await self.read_groups()
            target = self._group(read, group)
            reference, guards = await self._reference(read, member)
            if reference.startswith("group:"):
                _refuse_circle(read, fold(target.name), reference.removeprefix("group:"))
            return self._decided(read, target, set(target.members) | {reference}, guards)

        return await settle(self.store, decide, plan=plan)

    async def remove_member(self, group: str, member: str, *, plan: bool = False) -> GroupView:
        """Take a member out; raises ``GroupNotFound``, ``UserNotFound`` (not a member)."""

        async def decide() -> Decided[GroupView]:
            read = await self.read_groups()
            target = self._group(read, group)
            key = self.key_of(member)
            gone = {each for each in target.members if each.partition(":")[2] == key}
            if not gone:
                raise PermanentError(
                    "UserNotFound", f"{member[:80]} is not a member of {target.name}."
                )
            return self._decided(read, target, set(target.members) - gone)

        return await settle(self.store, decide, plan=plan)

    async def effective_groups(self, subject: str) -> frozenset[str]:
        """Every group a user, account or group counts as: ``DOMAIN\\name``, and itself.

        Unknown subjects have none.
        """
        read = await self.read_groups()
        try:
            reference, _ = await self._reference(read, subject)
        except PermanentError:
            return frozenset()
        key = reference.partition(":")[2]
        itself = read.by_key[key].name if reference.startswith("group:") else key
        return frozenset({*self.groups_of(read, reference), security_group(itself, self.domain)})

    def _decided(
        self, read: GroupsRead, group: Group, members: set[str], guards: Sequence[Guard] = ()
    ) -> Decided[GroupView]:
        new = with_members(group, members)
        changes = self.kinds.groups.put(new, group) if new != group else []
        view = self._view_group(new, read.by_key)
        return Decided(view, [read.guard(), *guards], changes)

    def _group(self, read: GroupsRead, name: str) -> Group:
        group = read.by_key.get(self.key_of(name))
        if group is None:
            raise PermanentError("GroupNotFound", f"There is no group {name[:80]}.")
        return group

    async def _reference(self, read: GroupsRead, member: str) -> tuple[str, list[Guard]]:
        """The reference of a member, and guards that it still exists at the commit.

        Without them a membership could outlive its user, and the next user of that
        name would inherit it.
        """
        key = self.key_of(member)
        if key in read.by_key:
            return f"group:{key}", []
        user = await self.kinds.users.get(self.store, key) if key else None
        if user is not None:
            return f"user:{key}", [self.kinds.users.guard(user)]
        account = await self.kinds.clients.get(self.store, key) if key else None
        if account is not None and account.value.is_service_account:
            return f"account:{key}", [self.kinds.clients.guard(account)]
        raise PermanentError(
            "UserNotFound", f"There is no user, group or service account {member[:80]}."
        )

    def _view_group(self, group: Group, by_key: dict[str, Group]) -> GroupView:
        return GroupView(
            name=group.name,
            security_group=security_group(group.name, self.domain),
            description=group.description,
            members=tuple(self._spelled(each, by_key) for each in group.members),
            built_in=group.built_in,
            created_ms=group.created_ms,
        )

    def _spelled(self, reference: str, by_key: dict[str, Group]) -> str:
        kind, _, key = reference.partition(":")
        if kind == "group" and key in by_key:
            return security_group(by_key[key].name, self.domain)
        return subject_of(key, self.domain)


def _refuse_circle(read: GroupsRead, parent: str, child: str) -> None:
    closed = circle(read.by_key, parent, child)
    if closed:
        names = " > ".join(read.by_key[key].name for key in closed)
        raise PermanentError("CyclicGroups", f"The groups would contain themselves: {names}.")
