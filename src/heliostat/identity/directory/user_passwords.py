"""People's passwords as they are kept: replaced, and brought up to today's cost and realm."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import TemporaryError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.records import User
from heliostat.identity.directory.user_records import UserRecords
from heliostat.identity.directory.views import UserView
from heliostat.identity.passwords.refusal import refused
from heliostat.identity.passwords.setting import Proofs


class UserPasswords(UserRecords):
    """The verbs on passwords."""

    async def set_password(
        self, name: str, password: str, *, must_change: bool = False, plan: bool = False
    ) -> UserView:
        """Set a password, end the user's sessions and unlock the name.

        ``must_change``: it only serves to choose another one.
        Raises ``UserNotFound``, ``WeakPassword``, ``TooManyRequests``.
        """
        bare = (await self.stored_user(name)).value.name
        proofs = await self.passwords.proofs(bare, password, plan=plan)
        return await self.put_password(name, proofs, must_change=must_change, plan=plan)

    async def put_password(
        self, name: str, proofs: Proofs, *, must_change: bool, plan: bool, seen: str = ""
    ) -> UserView:
        """``seen`` is the hash that was proven; then nobody may have set another since."""
        stamp = self.ids.new_id()

        async def decide() -> Decided[UserView]:
            stored = await self.stored_user(name)
            user = stored.value
            if seen and user.password_hash != seen:
                raise refused()
            fields = self.passwords.replaced(user, proofs, must_change=must_change)
            new = msgspec.structs.replace(user, stamp=stamp, **fields)
            changes = [*self.kinds.users.put(new, user), *self.forget_attempts(new)]
            view = await self.view_user(new)
            return Decided(view, [self.kinds.users.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    async def keep_keys(self, user: User, password: str) -> User:
        """Keep Kerberos keys of a password that was set before there was a realm, if there is."""
        keys = await self.passwords.keys_of(user.name, password)
        stored = await self.find_user(user.name)
        if stored is None or stored.value.password_hash != user.password_hash:
            return user
        return await self._kept(stored, msgspec.structs.replace(stored.value, kerberos_keys=keys))

    async def renew_hash(self, user: User, password: str) -> User:
        """Keep a hash at today's cost and the keys of today's realm: ``password`` is right.

        Gives the user as kept; as given where somebody set another password meanwhile.
        """
        stored = await self.find_user(user.name)
        if stored is None or stored.value.password_hash != user.password_hash:
            return user
        new = msgspec.structs.replace(
            stored.value,
            password_hash=await self.hashing.hash(password),
            kerberos_keys=await self.passwords.keys_of(user.name, password),
        )
        return await self._kept(stored, new)

    async def _kept(self, stored: Stored[User], new: User) -> User:
        """``new``, if nobody has written meanwhile and writing is possible; else what was there
        stays: whoever proved a password is in.
        """
        changes = self.kinds.users.put(new, stored.value)
        try:
            await self.store.commit([self.kinds.users.guard(stored)], changes)
        except (GuardFailed, TemporaryError):
            return stored.value
        return new
