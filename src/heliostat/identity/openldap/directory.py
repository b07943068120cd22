"""The directory wherever it is at home: in OpenLDAP, a password is proven by a bind.

Whoever is unknown, disabled or locked costs one hash here instead; the sentence is the same
for all.
"""

from __future__ import annotations

from heliostat.core.errors import TemporaryError
from heliostat.identity.decided import TRIES
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.directory.records import Group, User
from heliostat.identity.directory.sign_in import LONGEST_TYPED
from heliostat.identity.openldap.homes import Place
from heliostat.identity.openldap.lockouts import HomeLockouts
from heliostat.identity.openldap.store import DirectoryStore
from heliostat.identity.passwords.hashing import normal
from heliostat.identity.passwords.lockout import Lockouts, unknown_id
from heliostat.identity.passwords.refusal import refused


class HomeDirectory(Directory):
    """``Directory`` over a ``DirectoryStore``; over any other store it is the embedded one."""

    async def proven(self, username: str, password: str) -> User:
        """See ``SignIn.proven``."""
        store, lockouts = self.store, self._lockouts()
        if (
            not isinstance(store, DirectoryStore)
            or not isinstance(lockouts, HomeLockouts)
            or await store.place() is Place.EMBEDDED
        ):
            return await super().proven(username, password)
        await self.keep_policy()
        typed, key = password[:LONGEST_TYPED], self.key_of(username)
        entry = await lockouts.entry(key) if key else None
        stored = await self.find_user(username) if entry is not None else None
        if entry is None or stored is None:
            await self.hashing.matches(typed, None)
            await lockouts.failed(unknown_id(key))
            raise refused()
        user = stored.value
        if user.disabled or not user.password_hash or lockouts.is_locked(entry):
            await self.hashing.matches(typed, None)
            raise refused()
        if not await self.hashing.beside(lambda: store.tree.pool.bind(entry.dn, normal(typed))):
            raise refused()
        if self.hashing.is_outdated(user.password_hash):
            return await self.renew_hash(user, password)
        if not await self.passwords.has_keys(user):
            return await self.keep_keys(user, password)
        return user

    async def groups_holding(self, member: str) -> list[Group]:
        """See ``DirectoryPart.groups_holding``; entries are as of now only, so they are read
        again if a group was written meanwhile, and for nothing else that was.
        """
        store = self.store
        if not isinstance(store, DirectoryStore) or await store.place() is Place.EMBEDDED:
            return await super().groups_holding(member)
        for _ in range(TRIES):
            before = await store.written(self.kinds.groups.prefix)
            found = await self._groups_holding(member)
            if await store.written(self.kinds.groups.prefix) == before:
                return found
        raise TemporaryError("StoreUnavailable", "The groups change all the time.")

    async def keep_policy(self) -> None:
        """Have the servers lock by this tenant's rules, where they are who locks."""
        store, options = self.store, self.options
        if isinstance(store, DirectoryStore) and await store.place() is Place.OPENLDAP:
            await store.tree.keep_policy(store.beneath, options.tenant, options.lockout)

    def _lockouts(self) -> Lockouts:
        if not isinstance(self.store, DirectoryStore):
            return super()._lockouts()
        options = self.options
        return HomeLockouts(self.store, options.tenant, self.clock, options.lockout, self.hashing)
