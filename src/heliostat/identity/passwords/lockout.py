"""When guessing at a password stops.  The rule is pure; ``Lockouts`` keeps its state.

Names that no user has are counted too, in a bounded number of buckets: locking,
answers and work are then the same for them, and a flood of invented names can't
fill the store.
"""

from __future__ import annotations

import hashlib

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.decided import Decided, settle
from heliostat.identity.names import fold
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.passwords.records import Attempts


def is_locked(attempts: Attempts | None, now_ms: int) -> bool:
    return attempts is not None and now_ms < attempts.locked_until_ms


def after_failure(attempts: Attempts, now_ms: int, policy: LockoutPolicy) -> Attempts:
    """The state after one more wrong password; a locked name is not locked for longer."""
    if is_locked(attempts, now_ms):
        return attempts
    oldest = now_ms - int(policy.window_s * 1000)
    failures = (*(at for at in attempts.failures_ms if at > oldest), now_ms)
    locked = len(failures) >= policy.failures
    until = now_ms + int(policy.locked_s * 1000) if locked else 0
    return Attempts(
        id=attempts.id,
        failures_ms=() if locked else failures,
        locked_until_ms=until,
        expires_ms=max(until, now_ms + int(policy.window_s * 1000)),
    )


class Lockouts:
    """Wrong passwords by name, in the store: a second controller sees them too."""

    def __init__(
        self, store: CloudStore, kept: Kind[Attempts], clock: Clock, policy: LockoutPolicy
    ) -> None:
        self._store = store
        self._kept = kept
        self._clock = clock
        self._policy = policy

    async def locked(self, id_: str) -> bool:
        stored = await self._kept.get(self._store, id_)
        return is_locked(stored.value if stored else None, self._clock.now_ms())

    async def failed(self, id_: str) -> bool:
        """Count one wrong password; false if the name was locked already."""

        async def decide() -> Decided[bool]:
            stored = await self._kept.get(self._store, id_)
            before = stored.value if stored else Attempts(id=id_)
            open_ = not is_locked(before, self._clock.now_ms())
            after = after_failure(before, self._clock.now_ms(), self._policy)
            guard = self._kept.guard(stored) if stored else self._kept.absent(id_)
            return Decided(open_, [guard], self._kept.put(after) if after != before else [])

        return await settle(self._store, decide)

    async def admitted(self, id_: str) -> bool:
        """Count an attempt before it is looked at; whether it may be looked at at all.

        For what costs nothing to check: of any number of guesses at once, no more than the
        policy's are compared.  Whoever was right ``forget``s.
        """

        async def decide() -> Decided[bool]:
            stored = await self._kept.get(self._store, id_)
            before = stored.value if stored else Attempts(id=id_)
            if is_locked(before, self._clock.now_ms()):
                return Decided(False, [], [])
            after = after_failure(before, self._clock.now_ms(), self._policy)
            guard = self._kept.guard(stored) if stored else self._kept.absent(id_)
            return Decided(True, [guard], self._kept.put(after))

        return await settle(self._store, decide)

    async def forget(self, id_: str) -> None:
        """Begin anew, after a right password or a new one."""
        stored = await self._kept.get(self._store, id_)
        if stored is not None:
            await self._store.commit([], self._kept.delete(stored.value))


def second_id(user: str) -> str:
    """Where wrong codes are counted: apart from wrong passwords, which a right one forgets."""
    return f"second.{fold(user)}"


def known_id(key: str) -> str:
    """Where the attempts at a user's name are counted."""
    return f"user.{key}"


def unknown_id(key: str) -> str:
    """The bucket of a name that no user has; one of 4096."""
    return "unknown." + hashlib.sha256(key.encode()).hexdigest()[:3]
