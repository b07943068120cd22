"""What users, groups and service accounts share: the seams, and reading the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heliostat.cloudstore.contract import Change, CloudStore, Guard, PrefixUnchanged
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.membership import effective
from heliostat.identity.names import bare_name, checked_name, fold, is_name, security_group
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.records import Group, TenantKinds, kinds_of


@dataclass(frozen=True, slots=True)
class GroupsRead:
    """All groups of a tenant by key, as of one revision."""

    kinds: TenantKinds
    by_key: dict[str, Group]
    revision: int

    def guard(self) -> PrefixUnchanged:
        """Holds while no group has changed since."""
        return PrefixUnchanged(self.kinds.groups.prefix, self.revision)

    def without(self, member: str) -> list[Change]:
        """Changes that take ``member`` out of every group."""
        return [
            change
            for group in self.by_key.values()
            if member in group.members
            for change in self.kinds.groups.put(
                with_members(group, set(group.members) - {member}), group
            )
        ]


def with_members(group: Group, members: set[str]) -> Group:
    """``group`` with exactly these members."""
    return Group(
        name=group.name,
        description=group.description,
        members=tuple(sorted(members)),
        built_in=group.built_in,
        created_ms=group.created_ms,
    )


class DirectoryPart:
    """The seams that every part of the directory reaches the world through."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions | None = None,
        hashing: Hashing | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self.ids = ids
        self.options = options or IdentityOptions()
        self.kinds = kinds_of(self.options.tenant)
        self.hashing = hashing or Hashing(ids, self.options.hashing)

    @property
    def domain(self) -> str:
        return self.options.domain

    async def read_groups(self) -> GroupsRead:
        page = await self.kinds.groups.list(self.store)
        groups = {fold(each.value.name): each.value for each in page.items}
        after = page.after
        while after is not None:
            more = await self.kinds.groups.list(self.store, after=after, at_revision=page.revision)
            groups |= {fold(each.value.name): each.value for each in more.items}
            after = more.after
        return GroupsRead(self.kinds, groups, page.revision)

    def groups_of(self, read: GroupsRead, member: str) -> tuple[str, ...]:
        """Effective groups of a member as ``DOMAIN\\name``, sorted; without the group of one."""
        keys = effective(read.by_key, member)
        return tuple(sorted(security_group(read.by_key[key].name, self.domain) for key in keys))

    def new_name(self, text: str) -> str:
        """The bare name for something new; raises ``InvalidName``."""
        return checked_name(text, self.domain)

    def key_of(self, text: str) -> str:
        """The key that ``text`` (any spelling) would have; empty if nothing here can have it."""
        bare = bare_name(text, self.domain)
        return fold(bare) if bare is not None and is_name(bare) else ""

    async def claim(self, name: str, taken_code: str) -> list[Guard]:
        """Guards that nothing else has ``name``; raises ``taken_code`` if something has it."""
        key = fold(name)
        kinds = self.kinds
        named: dict[str, Kind[Any]] = {
            "user": kinds.users,
            "group": kinds.groups,
            "client": kinds.clients,
        }
        for what, kind in named.items():
            if await self.store.get(kind.key(key)) is not None:
                raise PermanentError(taken_code, f"There is a {what} named {name} already.")
        return [kind.absent(key) for kind in named.values()]
