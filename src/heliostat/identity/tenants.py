"""Tenants of the directory: domains with people, keys and an issuer of their own.

Every site has the system's tenant, whose domain and rules are settings; the others
are documents.  A tenant is made with its administrator in one commit.  Deleting one
first bars sign-in in the commit that answers, then empties it in batches: a process
that dies between leaves a tenant that nobody can enter, and ``finish_deletions`` goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import Change, CloudStore, Delete, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.bootstrap import FirstContent, first_content
from heliostat.identity.decided import Decided, settle
from heliostat.identity.kinds import kinds_of
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.sources.source import SOURCE_DOMAINS
from heliostat.identity.tenant import (
    TENANTS,
    Tenant,
    TenantView,
    checked_domain,
    find_tenant,
    no_tenant,
    options_of,
)

BATCH = 50


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant just made; its administrator's password is nowhere kept."""

    tenant: TenantView
    administrator: str
    password: str


Ending = Callable[[str], Awaitable[None]]
"""What else ends with the tenant of this id; called before it is emptied, maybe again."""


async def _nothing_else(_tenant_id: str) -> None:
    """For a site without an authority."""


class Tenants:
    """The verbs on tenants."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, hashing: Hashing
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._hashing = hashing
        self.ending: Ending = _nothing_else

    async def create_tenant(
        self, domain: str, *, description: str = "", plan: bool = False
    ) -> NewTenant:
        """A tenant with an administrator of its own.

        Raises ``InvalidName``, ``TenantExists``, ``TooManyRequests``.
        """
        tenant = Tenant(
            id=self._ids.new_id(),
            domain=checked_domain(domain),
            description=description,
            created_ms=self._clock.now_ms(),
        )
        await self._refuse_taken(tenant.domain)
        content = await self._first_content(tenant) if not plan else FirstContent()
        administrator = f"administrator@{tenant.domain}"

        async def decide() -> Decided[NewTenant]:
            await self._refuse_taken(tenant.domain)
            guards: list[Guard] = [
                TENANTS.unused("domain", tenant.domain),
                SOURCE_DOMAINS.absent(tenant.domain),
                *content.guards,
            ]
            made = NewTenant(self._view(tenant), administrator, content.password)
            return Decided(made, guards, [*TENANTS.put(tenant), *content.changes])

        return await settle(self._store, decide, plan=plan)

    async def get_tenant(self, domain: str) -> TenantView:
        """Raises ``TenantNotFound``."""
        if fold(domain) == fold(self._options.domain):
            return self._system()
        return self._view((await self._stored(domain)).value)

    async def list_tenants(self) -> list[TenantView]:
        """All tenants, by domain, the system's first."""
        others = [each.value for each in await TENANTS.all(self._store) if not each.value.deleting]
        ordered = sorted(others, key=lambda tenant: tenant.domain)
        return [self._system(), *map(self._view, ordered)]

    async def ids(self) -> list[str]:
        """Ids of the tenants beside the system's."""
        return [each.value.id for each in await TENANTS.all(self._store) if not each.value.deleting]

    async def delete_tenant(self, domain: str, *, plan: bool = False) -> TenantView:
        """Delete a tenant with everything in it; nobody signs in to it from the answer on.

        Raises ``TenantNotFound``, and ``InvalidOperation`` for the system's tenant.
        """
        if fold(domain) == fold(self._options.domain):
            raise PermanentError(
                "InvalidOperation",
                f"{self._options.domain} is the site itself.",
                hint="`helio identity tenant list` shows the tenants that can be deleted.",
            )

        async def decide() -> Decided[TenantView]:
            stored = await self._stored(domain)
            barred = msgspec.structs.replace(stored.value, deleting=True)
            changes = TENANTS.put(barred, stored.value)
            return Decided(self._view(stored.value), [TENANTS.guard(stored)], changes)

        view = await settle(self._store, decide, plan=plan)
        if not plan:
            await self.finish_deletions()
        return view

    async def finish_deletions(self) -> int:
        """Empty the tenants that are being deleted; gives how many are gone now."""
        barred = [each.value for each in await TENANTS.all(self._store) if each.value.deleting]
        for tenant in barred:
            await self.ending(tenant.id)
            for kind in kinds_of(tenant.id).all:
                for prefix in (kind.prefix, *map(kind.entries_prefix, kind.indexes)):
                    await _empty(self._store, prefix)
            claimed = await SOURCE_DOMAINS.by_index(self._store, "tenant", tenant.id)
            freed = [change for each in claimed for change in SOURCE_DOMAINS.delete(each.value)]
            await self._store.commit([], [*TENANTS.delete(tenant), *freed])
        return len(barred)

    async def _first_content(self, tenant: Tenant) -> FirstContent:
        options = options_of(tenant, self._options)
        return await first_content(options, self._clock, self._ids, self._hashing)

    async def _stored(self, domain: str) -> Stored[Tenant]:
        stored = await find_tenant(self._store, domain)
        if stored is None:
            raise no_tenant(domain)
        return stored

    async def _refuse_taken(self, domain: str) -> None:
        taken = await TENANTS.ids_by_index(self._store, "domain", domain)
        of_source = await SOURCE_DOMAINS.get(self._store, domain)
        if taken or of_source is not None or domain == fold(self._options.domain):
            raise PermanentError("TenantExists", f"There is a tenant {domain} already.")

    def _system(self) -> TenantView:
        return TenantView(
            self._options.domain,
            self._options.issuer,
            "The site itself.",
            system=True,
            created_ms=0,
        )

    def _view(self, tenant: Tenant) -> TenantView:
        return TenantView(
            tenant.domain,
            options_of(tenant, self._options).issuer,
            tenant.description,
            system=False,
            created_ms=tenant.created_ms,
        )


async def _empty(store: CloudStore, prefix: str) -> None:
    while True:
        page = await store.list(prefix, limit=BATCH)
        if not page.items:
            return
        gone: list[Change] = [Delete(document.key) for document in page.items]
        await store.commit([], gone)
