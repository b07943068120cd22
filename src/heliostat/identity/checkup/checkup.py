"""The check-up of identity, put together.

Reads and asks, changes nothing, and does not fail because of what it finds: what can't be
looked into is a finding, and the rest is looked into all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.administration import Administration
from heliostat.identity.checkup.certificates import ending
from heliostat.identity.checkup.documents import contradictions, held, unreadable
from heliostat.identity.checkup.finding import Area, Finding
from heliostat.identity.checkup.nodes import conflicting, lagging, unaware, under_way
from heliostat.identity.checkup.outside import unreachable
from heliostat.identity.openldap.site import OpenLdap
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.resealing import Resealing

AT_ONCE = 8
"""Tenants that are looked into at once."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that serves beside us; ``trouble`` is a sentence while it does not."""

    trouble: Callable[[], str]
    hint: str


class Checkups:
    """Looks into every tenant; ``watched`` are the servers that the composition root starts."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        realms: Realms,
        openldap: OpenLdap,
        certificates: Callable[[], Administration],
        resealing: Resealing,
    ) -> None:
        self._store = store
        self._clock = clock
        self._realms = realms
        self._openldap = openldap
        self._certificates = certificates
        self._resealing = resealing
        self.watched: list[Watched] = []

    async def findings(self) -> list[Finding]:
        """All that is wrong now."""
        found = [
            *(await _looked(Area.CERTIFICATES, "the roots", self._roots)),
            *(await _looked(Area.DIRECTORY, "the directory's nodes", self._nodes)),
            *(await _looked(Area.SIGN_IN, "what is sealed", self._sealed)),
            *self._servers(),
        ]
        try:
            realms = await self._realms.all()
        except HeliostatError as error:
            return [*found, Finding(Area.STORE, error.message, error.hint)]
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(realm: Realm) -> list[Finding]:
            async with limit:
                return await self._tenant(realm)

        told = await asyncio.gather(*(one(each) for each in realms))
        return [*found, *(finding for each in told for finding in each)]

    async def _tenant(self, realm: Realm) -> list[Finding]:
        domain = realm.options.domain

        async def documents() -> list[Finding]:
            tenant = realm.options.tenant
            broken = [each async for each in unreadable(self._store, tenant)]
            if broken:
                return broken
            those = await held(self._store, tenant, domain)
            return list(contradictions(those, self._clock.now_ms()))

        elsewhere = partial(unreachable, realm)
        return [
            *(await _looked(Area.DIRECTORY, f"the directory of {domain}", documents)),
            *(await _looked(Area.SIGN_IN, f"what {domain} has elsewhere", elsewhere)),
        ]

    async def _roots(self) -> Iterable[Finding]:
        view = await self._certificates().show(self._realms.system.options.domain)
        return ending(view.roots, self._clock.now_ms())

    async def _nodes(self) -> Iterable[Finding]:
        home = await self._openldap.home()
        return [
            *under_way(home.place, home.moving_to, home.phase),
            *lagging(await self._openldap.nodes.node_standings()),
            *unaware(await self._openldap.removed()),
            *conflicting(await self._openldap.conflicts()),
        ]

    async def _sealed(self) -> Iterable[Finding]:
        broken = await self._resealing.broken()
        if not broken:
            return []
        others = f" and {counted(len(broken) - 1, 'other')}" if len(broken) > 1 else ""
        told = f"No sealing key here opens what is kept in {broken[0]}{others}."
        return [Finding(Area.SIGN_IN, told, "Put the key that sealed it back into its file.")]

    def _servers(self) -> Iterable[Finding]:
        for each in self.watched:
            told = each.trouble()
            if told:
                yield Finding(Area.SIGN_IN, told, each.hint)


async def _looked(
    area: Area, what: str, look: Callable[[], Awaitable[Iterable[Finding]]]
) -> list[Finding]:
    """What a look finds; one that can't be taken is a finding itself."""
    try:
        return list(await look())
    except HeliostatError as error:
        return [Finding(area, f"Can't look into {what}: {error.message}", error.hint)]
