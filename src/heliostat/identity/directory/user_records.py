"""People as they are kept: found, shown, and changed in one commit with what was read."""

from __future__ import annotations

from collections.abc import Callable

from heliostat.cloudstore.contract import Change, Delete
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.memberships import Memberships
from heliostat.identity.directory.records import User
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.views import UserView
from heliostat.identity.names import subject_of
from heliostat.identity.passwords.lockout import known_id
from heliostat.identity.passwords.records import attempts_of


class UserRecords(Memberships):
    """What all verbs on people stand on."""

    async def stored_user(self, name: str) -> Stored[User]:
        """The record of a user in any spelling of the name; raises ``UserNotFound``."""
        stored = await self.find_user(name)
        if stored is None:
            raise PermanentError("UserNotFound", f"There is no user {name[:80]}.")
        return stored

    async def find_user(self, name: str) -> Stored[User] | None:
        key = self.key_of(name)
        return await self.kinds.users.get(self.store, key) if key else None

    async def view_user(self, user: User) -> UserView:
        return UserView(
            name=user.name,
            subject=subject_of(user.name, self.domain),
            disabled=user.disabled,
            created_ms=user.created_ms,
            groups=await self.groups_of(f"user:{user.name}"),
            given_name=user.given_name,
            family_name=user.family_name,
            email=user.email,
            description=user.description,
            unit=await self.path_of_unit(user.unit or CONTAINERS[EntryKind.USER]),
            number=user.number,
            ssh_public_keys=user.ssh_public_keys,
            certificates=user.certificates,
        )

    async def change_record(
        self,
        name: str,
        change: Callable[[User], User],
        *,
        plan: bool,
        unlock: bool = False,
        unit: str | None = None,
    ) -> UserView:
        """Keep what ``change`` makes of a person, in ``unit``; ``unlock`` forgets wrong passwords.

        Raises ``UserNotFound``, ``UnitNotFound``.
        """

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            new, guards = await self.placed(EntryKind.USER, change(stored.value), unit)
            changes = self.kinds.users.put(new, stored.value) if new != stored.value else []
            if unlock:
                changes += self.forget_attempts(new)
            view = await self.view_user(new)
            return Decided(view, [self.kinds.users.guard(stored), *guards], changes)

        return await settle(self.store, decide, plan=plan)

    def forget_attempts(self, user: User) -> list[Change]:
        """Wrong passwords of before count no more."""
        return [Delete(attempts_of(self.options.tenant).key(known_id(user.name)))]
