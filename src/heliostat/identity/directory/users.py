"""People: create, change, delete.  Each verb returns after its commit.

With ``plan`` a verb validates and answers what would be, and writes nothing.
"""

from __future__ import annotations

import contextlib

import msgspec

from heliostat.cloudstore.contract import Change, Delete, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.part import DirectoryPart, GroupsRead
from heliostat.identity.directory.views import UserView
from heliostat.identity.names import ADMINISTRATORS, fold, subject_of
from heliostat.identity.passwords.lockout import known_id
from heliostat.identity.passwords.strength import refuse_weak
from heliostat.identity.records import User

BUILT_IN_USER = "administrator"


class Users(DirectoryPart):
    """The verbs on people."""

    async def create_user(
        self,
        name: str,
        password: str,
        *,
        given_name: str = "",
        family_name: str = "",
        email: str = "",
        plan: bool = False,
    ) -> UserView:
        """Raises ``InvalidName``, ``WeakPassword``, ``UserExists``, ``TooManyRequests``."""
        bare = self.new_name(name)
        refuse_weak(password, bare, self.options.passwords)
        await self.claim(bare, "UserExists")
        user = User(
            name=fold(bare),
            stamp=self.ids.new_id(),
            password_hash="" if plan else await self.hashing.hash(password),
            created_ms=self.clock.now_ms(),
            given_name=given_name,
            family_name=family_name,
            email=email,
        )

        async def decide() -> Decided[UserView]:
            guards = await self.claim(bare, "UserExists")
            return Decided(
                self._view(user, GroupsRead(self.kinds, {}, 0)), guards, self.kinds.users.put(user)
            )

        return await settle(self.store, decide, plan=plan)

    async def get_user(self, name: str) -> UserView:
        """Raises ``UserNotFound``."""
        stored = await self.stored_user(name)
        return self._view(stored.value, await self.read_groups())

    async def list_users(self) -> list[UserView]:
        """All people, by name."""
        groups = await self.read_groups()
        return [self._view(each.value, groups) for each in await self.kinds.users.all(self.store)]

    async def set_password(self, name: str, password: str, *, plan: bool = False) -> UserView:
        """Set a password, end the user's sessions and unlock the name.

        Raises ``UserNotFound``, ``WeakPassword``, ``TooManyRequests``.
        """
        bare = (await self.stored_user(name)).value.name
        refuse_weak(password, bare, self.options.passwords)
        kept = "" if plan else await self.hashing.hash(password)
        return await self._change(
            name, plan=plan, password_hash=kept, stamp=self.ids.new_id(), unlock=True
        )

    async def set_disabled(self, name: str, disabled: bool, *, plan: bool = False) -> UserView:
        """Bar a user from signing in (and end the sessions), or let the user in again."""
        return await self._change(name, plan=plan, disabled=disabled, stamp=self.ids.new_id())

    async def unlock_user(self, name: str, *, plan: bool = False) -> UserView:
        """Forget wrong passwords, so that a locked user need not wait."""
        return await self._change(name, plan=plan, unlock=True)

    async def renew_hash(self, user: User, password: str) -> None:
        """Keep a hash at today's cost, after ``password`` was found right."""
        stored = await self.find_user(user.name)
        if stored is None or stored.value.password_hash != user.password_hash:
            return
        new = msgspec.structs.replace(stored.value, password_hash=await self.hashing.hash(password))
        with contextlib.suppress(GuardFailed):  # somebody set a password meanwhile: theirs stays
            await self.store.commit(
                [self.kinds.users.guard(stored)], self.kinds.users.put(new, stored.value)
            )

    async def delete_user(self, name: str, *, plan: bool = False) -> UserView:
        """Delete a person, with memberships and sessions; gives what was deleted.

        Raises ``UserNotFound``, and ``InvalidOperation`` for the built-in administrator.
        """

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            user = stored.value
            if user.name == BUILT_IN_USER:
                raise PermanentError(
                    "InvalidOperation",
                    f"{BUILT_IN_USER} can't be deleted.",
                    hint=f"Disable it, after adding someone else to {ADMINISTRATORS}.",
                )
            groups = await self.read_groups()
            changes = [
                *self.kinds.users.delete(user),
                *groups.without(f"user:{user.name}"),
                *self._forget_attempts(user),
            ]
            guards: list[Guard] = [self.kinds.users.guard(stored), groups.guard()]
            return Decided(self._view(user, groups), guards, changes)

        return await settle(self.store, decide, plan=plan)

    async def stored_user(self, name: str) -> Stored[User]:
        """The record of a user in any spelling of the name; raises ``UserNotFound``."""
        stored = await self.find_user(name)
        if stored is None:
            raise PermanentError("UserNotFound", f"There is no user {name[:80]}.")
        return stored

    async def find_user(self, name: str) -> Stored[User] | None:
        key = self.key_of(name)
        return await self.kinds.users.get(self.store, key) if key else None

    async def _change(
        self, name: str, *, plan: bool, unlock: bool = False, **fields: object
    ) -> UserView:
        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            new = msgspec.structs.replace(stored.value, **fields)
            changes = self.kinds.users.put(new, stored.value)
            if unlock:
                changes += self._forget_attempts(new)
            view = self._view(new, await self.read_groups())
            return Decided(view, [self.kinds.users.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    def _forget_attempts(self, user: User) -> list[Change]:
        return [Delete(self.kinds.attempts.key(known_id(user.name)))]

    def _view(self, user: User, groups: GroupsRead) -> UserView:
        return UserView(
            name=user.name,
            subject=subject_of(user.name, self.domain),
            disabled=user.disabled,
            created_ms=user.created_ms,
            groups=self.groups_of(groups, f"user:{user.name}"),
            given_name=user.given_name,
            family_name=user.family_name,
            email=user.email,
        )
