"""Setting a password: the one place where a new one is checked and turned into what is kept.

Everything that proves a password lies in one document (hash, Kerberos keys, when it was set,
former hashes), so a commit sets it everywhere or nowhere: there is no moment, and no crash,
that leaves a person with one password here and another there.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.directory.records import User
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.passwords.strength import refuse_weak


class KerberosKeys(Protocol):
    """A tenant's Kerberos, as far as passwords go."""

    async def keys_of(self, name: str, password: str) -> str:
        """Keys of a name and password, sealed; empty where the tenant has no realm."""

    async def are_current(self, keys: str) -> bool:
        """Whether they are of the realm that the tenant has, if it has one."""


class Proofs(msgspec.Struct, frozen=True):
    """What is kept of a password."""

    password_hash: str
    kerberos_keys: str
    password_set_ms: int


class Passwords:
    """Checks and prepares the passwords of one tenant; writes nothing."""

    def __init__(self, clock: Clock, options: IdentityOptions, hashing: Hashing) -> None:
        self._clock = clock
        self._policy = options.passwords
        self._domain = options.domain
        self._hashing = hashing
        self.kerberos: KerberosKeys | None = None

    def refuse_weak(self, password: str, name: str) -> None:
        """Raises ``WeakPassword``."""
        refuse_weak(password, name, self._policy, self._domain)

    async def proofs(self, name: str, password: str, *, plan: bool = False) -> Proofs:
        """What to keep of an accepted password; nothing is computed for a plan.

        Raises ``WeakPassword`` and ``TooManyRequests``.
        """
        self.refuse_weak(password, name)
        if plan:
            return Proofs("", "", 0)
        keys = await self.keys_of(name, password)
        return Proofs(await self._hashing.hash(password), keys, self._clock.now_ms())

    async def keys_of(self, name: str, password: str) -> str:
        """Kerberos keys, sealed; empty where there is no realm."""
        return await self.kerberos.keys_of(name, password) if self.kerberos is not None else ""

    async def has_keys(self, user: User) -> bool:
        """Whether the user has all the Kerberos keys that there could be."""
        return self.kerberos is None or await self.kerberos.are_current(user.kerberos_keys)

    async def refuse_former(self, user: User, password: str) -> None:
        """Raises ``WeakPassword`` for the present password and those that may not come again."""
        barred = (user.password_hash, *user.former)[: self._policy.history + 1]
        for kept in barred:
            if kept and await self._hashing.matches(password, kept):
                raise PermanentError("WeakPassword", "The password was used before.")

    def replaced(self, user: User, proofs: Proofs, *, must_change: bool) -> dict[str, object]:
        """The fields of ``user`` that a new password changes."""
        former = (user.password_hash, *user.former)[: self._policy.history]
        return {
            "password_hash": proofs.password_hash,
            "kerberos_keys": proofs.kerberos_keys,
            "password_set_ms": proofs.password_set_ms,
            "must_change": must_change,
            "former": former,
        }
