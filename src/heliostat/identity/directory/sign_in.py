"""Signing in with what the document store keeps: hashes, attempts, groups.

A wrong password, an unknown user, a disabled one and a locked name get the same
sentence after the same work: one hash, one count.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.accounts import ServiceAccounts
from heliostat.identity.directory.contract.people import Account, Person
from heliostat.identity.directory.records import User
from heliostat.identity.directory.users import Users
from heliostat.identity.directory.views import UserView
from heliostat.identity.kerberos.people import KerberosPerson, Standing
from heliostat.identity.names import is_name, subject_of
from heliostat.identity.passwords.age import must_change
from heliostat.identity.passwords.lockout import Lockouts, known_id, unknown_id
from heliostat.identity.passwords.options import LONGEST_PASSWORD
from heliostat.identity.passwords.records import attempts_of
from heliostat.identity.passwords.refusal import change_needed, not_alone, refused

LONGEST_TYPED = LONGEST_PASSWORD + 1
"""Characters of a password that are hashed: one that goes on after the longest is another."""


class SignIn(Users, ServiceAccounts):
    """``People`` of the document store."""

    asks_for_more: Callable[[Person], Awaitable[bool]] | None = None
    """Whether signing in asks somebody for more than a password; the realm knows."""

    async def authenticate(self, username: str, password: str) -> Person:
        """See ``People.authenticate``."""
        user = await self.proven(username, password)
        if must_change(user, self.clock.now_ms(), self.options.passwords):
            raise change_needed()
        return await self._person(user)

    async def change_password(
        self, username: str, old: str, new: str, *, more_shown: bool = False, plan: bool = False
    ) -> UserView:
        """See the contract."""
        user = await self.proven(username, old)
        if not more_shown:
            await self._refuse_alone(user)
        return await self._changed(user, new, plan=plan)

    async def replace_password(self, key: str, new: str) -> UserView:
        """As ``change_password``, for who has just proven the old one by a ticket."""
        user = (await self.stored_user(key)).value
        await self._refuse_alone(user)
        return await self._changed(user, new)

    async def _refuse_alone(self, user: User) -> None:
        if self.asks_for_more is not None and await self.asks_for_more(await self._person(user)):
            raise not_alone(subject_of(user.name, self.domain), self.options.base_url)

    async def _changed(self, user: User, new: str, *, plan: bool = False) -> UserView:
        self.passwords.refuse_weak(new, user.name)
        await self.passwords.refuse_former(user, new)
        proofs = await self.passwords.proofs(user.name, new, plan=plan)
        return await self.put_password(
            user.name, proofs, must_change=False, plan=plan, seen=user.password_hash
        )

    async def proven(self, username: str, password: str) -> User:
        """Whose password that is, also where it has to be changed; counted and refused as there."""
        lockouts = self._lockouts()
        stored = await self.find_user(username)
        key = self.key_of(username)
        attempts = known_id(key) if stored else unknown_id(key)
        locked = await lockouts.locked(attempts)
        usable = stored is not None and not stored.value.disabled and not locked
        kept = stored.value.password_hash if stored is not None and usable else None
        right = await self.hashing.matches(password[:LONGEST_TYPED], kept)
        if stored is None or not right:
            await lockouts.failed(attempts)
            raise refused()
        if await lockouts.locked(attempts):  # guesses in parallel locked it meanwhile
            raise refused()
        await lockouts.forget(attempts)
        if self.hashing.is_outdated(stored.value.password_hash):
            return await self.renew_hash(stored.value, password)
        if not await self.passwords.has_keys(stored.value):
            return await self.keep_keys(stored.value, password)
        return stored.value

    async def kerberos_person(self, name: str) -> KerberosPerson | None:
        """See ``KerberosPeople``."""
        stored = await self.kinds.users.get(self.store, name) if is_name(name) else None
        if stored is None:
            return None
        user = stored.value
        standing = Standing.WELL
        if user.disabled:
            standing = Standing.REVOKED
        elif await self._lockouts().locked(known_id(user.name)):
            standing = Standing.LOCKED
        elif must_change(user, self.clock.now_ms(), self.options.passwords):
            standing = Standing.CHANGE_NEEDED
        return KerberosPerson(user.name, user.kerberos_keys, standing, user.password_set_ms)

    async def password_failed(self, key: str) -> bool:
        """See ``KerberosPeople``."""
        return await self._lockouts().failed(known_id(key))

    async def password_proven(self, key: str) -> bool:
        """See ``KerberosPeople``."""
        lockouts = self._lockouts()
        if await lockouts.locked(known_id(key)):
            return False
        await lockouts.forget(known_id(key))
        return True

    def _lockouts(self) -> Lockouts:
        kind = attempts_of(self.options.tenant)
        return Lockouts(self.store, kind, self.clock, self.options.lockout)

    async def person(self, key: str) -> Person | None:
        """See ``People.person``."""
        stored = await self.kinds.users.get(self.store, key)
        if stored is None or stored.value.disabled:
            return None
        return await self._person(stored.value)

    async def account(self, name: str) -> Account:
        """See ``People.account``."""
        client, _ = await self.stored_account(name)
        if client.disabled:
            raise PermanentError("ServiceAccountNotFound", f"{client.name} is disabled.")
        groups = await self.groups_of(f"account:{client.name}")
        return Account(subject_of(client.name, self.domain), groups, client.created_ms)

    async def _person(self, user: User) -> Person:
        return Person(
            key=user.name,
            subject=subject_of(user.name, self.domain),
            stamp=user.stamp,
            groups=await self.groups_of(f"user:{user.name}"),
            given_name=user.given_name,
            family_name=user.family_name,
            email=user.email,
            made_ms=user.created_ms,
        )
