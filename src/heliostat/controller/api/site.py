"""Whether the site is paused and who administers it, as this controller knows it.

Whatever changes something reads the document anew, so that nothing is accepted
after a pause was answered; reading follows the store's events, which are a
moment late at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from heliostat.cloudstore.contract import CloudStore, Compacted
from heliostat.controller.api.ports import Principal
from heliostat.controller.model.system import SITE, System, SystemState
from heliostat.controller.workflows.kinds import SYSTEM
from heliostat.controller.workflows.system import system
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.wire.route import Route

log = logging.getLogger(__name__)
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class SiteAdministrator:
    """A caller whom a group of the site makes its administrator."""

    subject: str
    groups: frozenset[str]
    client: str
    tenant: str
    is_system_admin: bool = True


class SiteView:
    """The site's document in memory; ``follow`` keeps it current while the application lives."""

    def __init__(self, store: CloudStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._latest = System()

    async def for_route(self, route: Route) -> System:
        """The site as it decides about a request of ``route``."""
        if route.method != "GET" or not route.answers_when_paused:
            await self.refresh()
        return self._latest

    async def refuse_paused(self, route: Route) -> None:
        """Raise ``SystemPaused`` if the system was paused while a body was on its way."""
        refuse_paused(await self.for_route(route), route)

    async def refresh(self) -> None:
        """Read the document now."""
        self._latest = await system(self._store)

    async def follow(self) -> None:
        """Keep the document current, until cancelled."""
        while True:
            try:
                revision = await self._store.revision()
                await self.refresh()
                async for _event in self._store.watch(SYSTEM.key(SITE), revision):
                    await self.refresh()
            except Compacted:
                continue
            except HeliostatError as error:
                log.warning("the site's state can't be followed: %s", error)
                await self._clock.sleep(RETRY_S)

    async def living(self, _app: web.Application) -> AsyncIterator[None]:
        """Follows while the application lives."""
        following = asyncio.create_task(self.follow())
        yield
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def refuse_paused(site: System, route: Route) -> None:
    """Raise ``SystemPaused`` for what a paused system does not answer."""
    if site.state is SystemState.PAUSED and not route.answers_when_paused:
        raise PermanentError(
            "SystemPaused",
            f"The system was paused by {site.changed_by}; it only answers what reads.",
            data={"since": site.since_ms},
        )


def known_to(site: System, principal: Principal) -> Principal:
    """The caller, as an administrator if one of the site's groups says so."""
    if principal.is_system_admin or not site.security_groups:
        return principal
    administrators = {group.casefold() for group in site.security_groups}
    if administrators.isdisjoint(group.casefold() for group in principal.groups):
        return principal
    return SiteAdministrator(
        principal.subject, principal.groups, principal.client, principal.tenant
    )
