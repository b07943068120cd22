"""Signing in with what the document store keeps: hashes, attempts, groups.

A wrong password, an unknown user, a disabled one and a locked name get the same
sentence after the same work: one hash, one count.
"""

from __future__ import annotations

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.accounts import ServiceAccounts
from heliostat.identity.directory.contract import Account, Person
from heliostat.identity.directory.users import Users
from heliostat.identity.names import subject_of
from heliostat.identity.options import LONGEST_PASSWORD
from heliostat.identity.passwords.lockout import Lockouts, known_id, unknown_id
from heliostat.identity.records import User

LONGEST_TYPED = LONGEST_PASSWORD + 1
"""Characters of a password that are hashed: one that goes on after the longest is another."""


class SignIn(Users, ServiceAccounts):
    """``People`` of the document store."""

    async def authenticate(self, username: str, password: str) -> Person:
        """See ``People.authenticate``."""
        lockouts = Lockouts(self.store, self.kinds.attempts, self.clock, self.options.lockout)
        stored = await self.find_user(username)
        key = self.key_of(username)
        attempts = known_id(key) if stored else unknown_id(key)
        locked = await lockouts.locked(attempts)
        usable = stored is not None and not stored.value.disabled and not locked
        kept = stored.value.password_hash if stored is not None and usable else None
        right = await self.hashing.matches(password[:LONGEST_TYPED], kept)
        if stored is None or not right:
            await lockouts.failed(attempts)
            raise _refused()
        if await lockouts.locked(attempts):  # guesses in parallel locked it meanwhile
            raise _refused()
        await lockouts.forget(attempts)
        if self.hashing.is_outdated(stored.value.password_hash):
            await self.renew_hash(stored.value, password)
        return await self._person(stored.value)

    async def person(self, key: str) -> Person | None:
        """See ``People.person``."""
        stored = await self.kinds.users.get(self.store, key)
        if stored is None or stored.value.disabled:
            return None
        return await self._person(stored.value)

    async def account(self, name: str) -> Account:
        """See ``People.account``."""
        view = await self.get_service_account(name)
        return Account(view.subject, view.groups)

    async def _person(self, user: User) -> Person:
        return Person(
            key=user.name,
            subject=subject_of(user.name, self.domain),
            stamp=user.stamp,
            groups=self.groups_of(await self.read_groups(), f"user:{user.name}"),
            given_name=user.given_name,
            family_name=user.family_name,
            email=user.email,
        )


def _refused() -> PermanentError:
    return PermanentError(
        "InvalidLoginCredentials",
        "User name or password is wrong, or the account is disabled or locked.",
        hint="Check both. After five wrong passwords an account opens again by itself "
        "in five minutes.",
    )
