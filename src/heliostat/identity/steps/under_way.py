"""Sign-ins under way: a browser that has shown something, known by a cookie of its own.

The cookie is new with every step, so that one which somebody else has seen, or has set, is worth
nothing once more was shown; what a step finds is gone when the next is kept (one commit).
"""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.steps.records import Continuation, UnderWay, under_way_of
from heliostat.identity.tokens.browsers import SECRET_BYTES, hashed
from heliostat.identity.tokens.records import BrowserSession

LASTS_S = 600
"""Seconds from the first proof to the last step: time to find a phone."""


class SignInsUnderWay:
    """Those of one tenant."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._kept = under_way_of(options.tenant)

    def begun(
        self, continuation: Continuation, person: Person, proofs: tuple[str, ...]
    ) -> UnderWay:
        """One that is nowhere kept yet; it may need no further step."""
        now_ms = self._clock.now_ms()
        return UnderWay(
            id="",
            continuation=continuation,
            user=person.key,
            stamp=person.stamp,
            proofs=proofs,
            signed_in_ms=now_ms,
            expires_ms=now_ms + LASTS_S * 1000,
        )

    def rising(
        self, continuation: Continuation, browser: BrowserSession, proofs: tuple[str, ...]
    ) -> UnderWay:
        """For a browser that is signed in, of which more is asked.

        Its banner was accepted, and what could be put off then was.
        """
        return UnderWay(
            id="",
            continuation=continuation,
            user=browser.user,
            stamp=browser.stamp,
            proofs=proofs,
            signed_in_ms=browser.signed_in_ms,
            expires_ms=self._clock.now_ms() + LASTS_S * 1000,
            browser=browser.id,
            agreed=True,
            put_off=True,
        )

    async def keep(self, under_way: UnderWay) -> tuple[UnderWay, str]:
        """Keep it under a new cookie, instead of what it was kept as before.

        Raises ``SignInOver`` for one that has moved on in another window.
        """
        cookie = self._ids.secret(SECRET_BYTES)
        new = msgspec.structs.replace(under_way, id=hashed(cookie))
        changes = self._kept.put(new)
        guards = [self._kept.absent(new.id)]
        if under_way.id:
            stored = await self._kept.get(self._store, under_way.id)
            if stored is None:
                raise over()
            await self._commit([*guards, self._kept.guard(stored)], under_way, changes)
        else:
            await self._store.commit(guards, changes)
        return new, cookie

    async def find(self, cookie: str) -> UnderWay | None:
        """What a cookie stands for, while it lasts."""
        stored = await self._kept.get(self._store, hashed(cookie)) if cookie else None
        if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
            return None
        return stored.value

    async def end(self, under_way: UnderWay) -> None:
        """The last step was taken; raises ``SignInOver`` for whoever takes it a second time."""
        if not under_way.id:
            return
        stored = await self._kept.get(self._store, under_way.id)
        if stored is None:
            raise over()
        await self._commit([self._kept.guard(stored)], under_way, [])

    async def _commit(self, guards: list, before: UnderWay, changes: list) -> None:  # type: ignore[type-arg]
        try:
            await self._store.commit(guards, [*self._kept.delete(before), *changes])
        except GuardFailed as error:
            raise over() from error


def over() -> PermanentError:
    """Nothing is under way in this browser."""
    return PermanentError("SignInOver", "No sign-in is under way in this browser.")
