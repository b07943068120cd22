"""What users, groups and service accounts share: the seams, and reading the groups."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard, PrefixUnchanged
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.hashing import Hashing
from heliostat.identity.membership import effective
from heliostat.identity.names import bare_name, checked_name, fold, is_name, security_group
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import CLIENTS, GROUPS, USERS, Group


@dataclass(frozen=True, slots=True)
class GroupsRead:
    """All groups by key, as of one revision."""

    by_key: dict[str, Group]
    revision: int

    def guard(self) -> PrefixUnchanged:
        """Holds while no group has changed since."""
        return PrefixUnchanged(GROUPS.prefix, self.revision)

    def without(self, member: str) -> list[Change]:
        """Changes that take ``member`` out of every group."""
        return [
            change
            for group in self.by_key.values()
            if member in group.members
            for change in GROUPS.put(with_members(group, set(group.members) - {member}))
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
        self.hashing = hashing or Hashing(ids, self.options.hashing)

    @property
    def domain(self) -> str:
        return self.options.domain

    async def read_groups(self) -> GroupsRead:
        page = await GROUPS.list(self.store)
        groups = {fold(each.value.name): each.value for each in page.items}
        after = page.after
        while after is not None:
            more = await GROUPS.list(self.store, after=after, at_revision=page.revision)
            groups |= {fold(each.value.name): each.value for each in more.items}
            after = more.after
        return GroupsRead(groups, page.revision)

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
        for kind in (USERS, GROUPS, CLIENTS):
            if await self.store.get(kind.key(key)) is not None:
                what = {"user": "user", "group": "group"}.get(kind.name, "client")
                raise PermanentError(taken_code, f"There is a {what} named {name} already.")
        return [USERS.absent(key), GROUPS.absent(key), CLIENTS.absent(key)]
