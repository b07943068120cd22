"""A browser's way through its service providers, kept from step to step.

Each step has a document and a secret of its own, and is taken once.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore, Guard, GuardFailed
from heliostat.core.clock import Clock
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.markup import refused
from heliostat.identity.saml.records import Logout, SamlKinds
from heliostat.identity.tokens.browsers import hashed

RUN_MS = 10 * 60_000


class LogoutRuns:
    """The runs of one tenant."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._kept = SamlKinds.of(options.tenant).logouts

    async def find(self, secret: str) -> Logout:
        """The run at the step with this secret; raises ``InvalidSamlMessage``."""
        stored = await self._kept.get(self._store, hashed(secret))
        if stored is None or stored.value.expires_ms <= self._clock.now_ms():
            raise refused("signing out took too long, or is over")
        return stored.value

    async def move(self, before: Logout, after: Logout | None) -> None:
        """To the next step, or (``None``) to the end; raises ``InvalidSamlMessage``."""
        guards: list[Guard] = []
        changes = self._kept.put(after) if after is not None else []
        if before.id:
            stored = await self._kept.get(self._store, before.id)
            if stored is None:
                raise refused("that step of signing out was taken")
            guards = [self._kept.guard(stored)]
            changes = [*self._kept.delete(stored.value), *changes]
        if not changes:
            return
        try:
            await self._store.commit(guards, changes)
        except GuardFailed as error:
            raise refused("that step of signing out was taken") from error
