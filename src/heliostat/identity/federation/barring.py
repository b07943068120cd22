"""Ends what people have by way of a provider that may sign nobody in any more.

That a provider is disabled, since when, and whether its sessions go on stands in its document, so
whoever is killed between disabling and ending leaves it to the hourly upkeep.  What counts is
when somebody has shown the provider's word: a person who signs in with another one afterwards
stays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Any

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.cloudstore.documents import Kind
from heliostat.identity.federation.records import FederationKinds, Provider
from heliostat.identity.options import IdentityOptions
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.steps.records import under_way_of
from heliostat.identity.tokens.browsers import Browsers
from heliostat.identity.tokens.records import TokenKinds
from heliostat.identity.tokens.sessions import Sessions

LATE_MS = 60_000
"""Who was just being let in when the provider was disabled is ended with the others."""
_ELSEWHERE = frozenset({Proof.ELSEWHERE.value, Proof.ELSEWHERE_TWICE.value})


def barred(before: Provider, after: Provider, now_ms: int, keep: bool | None) -> Provider:
    """``after`` with since when it is disabled, and whether its sessions go on.  Pure.

    ``keep`` is what was asked for; ``None``: as it was, and not when it is disabled just now.
    """
    if not after.disabled:
        return msgspec.structs.replace(after, disabled_ms=0, keeps_sessions=False)
    since_ms = before.disabled_ms if before.disabled else now_ms
    kept = before.keeps_sessions if keep is None else keep
    return msgspec.structs.replace(after, disabled_ms=since_ms or now_ms, keeps_sessions=kept)


def came_through(document: Any, users: Collection[str], provider: Provider) -> bool:
    """Whether a session, or what becomes one, is of the provider's word.  Pure.

    ``document`` has ``user``, ``proofs`` and ``signed_in_ms``.
    """
    shown: frozenset[str] = frozenset(document.proofs)
    late = document.signed_in_ms > provider.disabled_ms + LATE_MS
    return document.user in users and not late and not _ELSEWHERE.isdisjoint(shown)


class Barring:
    """For one tenant's providers."""

    def __init__(
        self, store: CloudStore, options: IdentityOptions, browsers: Browsers, sessions: Sessions
    ) -> None:
        self._store = store
        self._browsers = browsers
        self._sessions = sessions
        self._links = FederationKinds.of(options.tenant).links
        self._under_way = under_way_of(options.tenant)
        self._kinds = TokenKinds.of(options.tenant)

    async def end(self, provider: Provider) -> int:
        """End what came through a disabled provider, unless its sessions go on; gives how many.

        What would become a session goes first, so that none is opened meanwhile.
        """
        if not provider.disabled or provider.keeps_sessions:
            return 0
        links = await self._links.by_index(self._store, "provider", provider.name)
        users = {each.value.user for each in links}
        kinds, count = self._kinds, 0
        for kind in (self._under_way, kinds.devices, kinds.codes):
            count += await self._forget(kind, users, provider)
        async for browser in self._of(kinds.browsers, users, provider):
            await self._browsers.end(browser)
            count += 1
        async for session in self._of(kinds.sessions, users, provider):
            await self._sessions.end(session)
            count += 1
        return count

    async def _forget(self, kind: Kind[Any], users: Collection[str], provider: Provider) -> int:
        count = 0
        async for stored in kind.each(self._store):
            if came_through(stored.value, users, provider):
                with suppress(GuardFailed):  # it went on just now: to a session, which ends below
                    gone = kind.delete(stored.value)
                    await self._store.commit([kind.guard(stored)], gone)
                    count += 1
        return count

    async def _of(
        self, kind: Kind[Any], users: Collection[str], provider: Provider
    ) -> AsyncIterator[Any]:
        for user in sorted(users):
            for stored in await kind.by_index(self._store, "user", user):
                if came_through(stored.value, users, provider):
                    yield stored.value
