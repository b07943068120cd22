"""What all verbs of the embedded directory share: the seams, names, and who is in which group.

Groups are found by an index from member to group, so a sign-in reads the groups of one
person and not all there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from heliostat.cloudstore.contract import CloudStore, Compacted, Guard
from heliostat.cloudstore.documents import Kind, KindPage
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.decided import TRIES
from heliostat.identity.directory.effective import EffectiveGroups
from heliostat.identity.directory.numbers import NumberTaker
from heliostat.identity.directory.records import DirectoryKinds, Group
from heliostat.identity.directory.views import Paged
from heliostat.identity.names import bare_name, checked_name, fold, is_name, security_group
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.setting import Passwords

T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")


def with_members(group: Group, members: set[str]) -> Group:
    """``group`` with exactly these members."""
    return msgspec.structs.replace(group, members=tuple(sorted(members)))


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
        self.kinds = DirectoryKinds.of(self.options.tenant)
        self.hashing = hashing or Hashing(ids, self.options.hashing)
        self.passwords = Passwords(clock, self.options, self.hashing)
        self.numbers = NumberTaker(store, self.kinds)
        self._effective = EffectiveGroups()

    @property
    def domain(self) -> str:
        return self.options.domain

    async def groups_holding(self, member: str) -> list[Group]:
        """Every group that holds ``member``, directly or through others, as of one revision.

        However much is written meanwhile: what was read while nothing changed is of one
        revision; else it is read once more, as it was before.
        """
        for _ in range(TRIES):
            before = await self.store.revision()
            found = await self._groups_holding(member)
            if await self.store.revision() == before:
                return found
            with suppress(Compacted):
                return await self._groups_holding(member, before)
        raise TemporaryError("StoreUnavailable", "What was is forgotten sooner than it is read.")

    async def _groups_holding(self, member: str, at_revision: int | None = None) -> list[Group]:
        found: dict[str, Group] = {}
        waiting, groups = [member], self.kinds.groups
        while waiting:
            holding = await groups.ids_by_index(
                self.store, "member", waiting.pop(), at_revision=at_revision
            )
            for key in holding:
                if key in found:
                    continue
                stored = await groups.get(self.store, key, at_revision=at_revision)
                if stored is not None:
                    found[key] = stored.value
                    waiting.append(f"group:{key}")
        return list(found.values())

    async def groups_of(self, member: str) -> tuple[str, ...]:
        """Effective groups of a member as ``DOMAIN\\name``, sorted; without the group of one."""
        mark = self.store.mark(self.kinds.groups.prefix)
        known = self._effective.of(member, mark)
        if known is not None:
            return known
        held = await self.groups_holding(member)
        names = tuple(sorted(security_group(group.name, self.domain) for group in held))
        if self.store.mark(self.kinds.groups.prefix) == mark:
            self._effective.keep(member, names, mark)
        return names

    def new_name(self, text: str) -> str:
        """The bare name for something new; raises ``InvalidName``."""
        return checked_name(text, self.domain)

    def new_client_name(self, text: str) -> str:
        """``new_name`` for a program; ``rs_…`` is what tokens call resource servers."""
        bare = self.new_name(text)
        if fold(bare).startswith("rs_"):
            raise PermanentError(
                "InvalidName",
                f"{bare} can't name a program: rs_… are resource servers.",
                hint=f"Name it {bare[3:]}; tokens for it are asked for with scope {fold(bare)}.",
            )
        return bare

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

    async def page_of(
        self,
        kind: Kind[T],
        view: Callable[[T], Awaitable[V]],
        *,
        limit: int,
        after: str,
        name: str,
    ) -> Paged[V]:
        """A page of a kind whose ids are folded names; with ``name`` only what has it."""
        if name:
            key = self.key_of(name)
            stored = await kind.get(self.store, key) if key and key > after else None
            return Paged([await view(stored.value)] if stored else [], "")
        page: KindPage[T] = await kind.list(
            self.store, limit=limit, after=kind.key(after) if after else None
        )
        items = [await view(each.value) for each in page.items]
        return Paged(items, kind.id_of(page.after) if page.after else "")
