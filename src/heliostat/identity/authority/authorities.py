"""The authority of a site: its roots, and for each tenant what hangs below them.

Made with the directories; a tenant's parts are made when first asked for, and their
number is bounded.  They hold no state but what a reading of the store gives again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.custody import Custody
from heliostat.identity.authority.departed import take_back_departed
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.authority.issuers import Issuers
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.overlap import Hosts
from heliostat.identity.authority.records import CESSATION, ROOT_LISTS, intermediates
from heliostat.identity.authority.revocation import Revocation
from heliostat.identity.authority.revocation_lists import prune_root, root_crl
from heliostat.identity.authority.roots import Roots
from heliostat.identity.authority.rotation import Rotation
from heliostat.identity.authority.taking_back import taken_back
from heliostat.identity.decided import Decided, settle
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.sealing import Sealing
from heliostat.identity.tenant import TENANTS, options_of

log = logging.getLogger(__name__)

KEPT = 256


async def no_hosts() -> Collection[str]:
    """For a site without hosts."""
    return ()


class TenantAuthority:
    """One tenant's: who signs, what was issued, what was taken back."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, roots: Roots
    ) -> None:
        self.options = options
        self.roots = roots
        self.issuers = Issuers(roots, options)
        self.certificates = Certificates(store, clock, options, self.issuers)
        self.revocation = Revocation(store, clock, options, self.issuers)


class Authorities:
    """Finds them; ``folder`` is where the copy of the root and the server's files lie."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        options: IdentityOptions,
        sealing: Sealing,
        folder: Path | None = None,
        hosts: Hosts = no_hosts,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sealing = sealing
        custody = Custody(sealing, options.authority.token)
        self.roots = Roots(store, clock, options.domain, custody, folder)
        self.rotation = Rotation(self.roots, hosts)
        self._hosts = hosts
        self.system = TenantAuthority(store, clock, options, self.roots)
        self._kept: OrderedDict[str, TenantAuthority] = OrderedDict()
        self.platform = Authority(
            self.roots,
            self.system.certificates,
            folder or Path(),
            options.authority.leaf_days,
        )

    def of(self, options: IdentityOptions) -> TenantAuthority:
        """Of the tenant with these options."""
        if options.tenant == SYSTEM_TENANT:
            return self.system
        known = self._kept.get(options.tenant)
        if known is None or known.options.domain != options.domain:
            known = TenantAuthority(self._store, self._clock, options, self.roots)
            self._kept[options.tenant] = known
        self._kept.move_to_end(options.tenant)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known

    async def by_id(self, tenant_id: str) -> TenantAuthority | None:
        """Of the tenant with this id, as certificates name it."""
        if tenant_id == SYSTEM_TENANT:
            return self.system
        stored = await TENANTS.get(self._store, tenant_id)
        if stored is None or stored.value.deleting:
            return None
        return self.of(options_of(stored.value, self.system.options))

    async def end(self, tenant_id: str) -> None:
        """Take back what signed for a tenant that is being deleted, and with it all it issued."""
        kind = intermediates(tenant_id)
        for each in await kind.all(self._store):

            async def decide(id_: str = each.value.id) -> Decided[None]:
                stored = await kind.get(self._store, id_)
                if stored is None or stored.value.revoked:
                    return Decided(None, [], [])
                now_ms = self._clock.now_ms()
                taken = await taken_back(self._store, stored.value, CESSATION, now_ms)
                ended = msgspec.structs.replace(stored.value, retired=True, revoked=True)
                return Decided(
                    None,
                    [kind.guard(stored), *taken.guards],
                    [*kind.put(ended, stored.value), *taken.changes],
                )

            await settle(self._store, decide)
        self._kept.pop(tenant_id, None)

    async def all(self) -> AsyncIterator[TenantAuthority]:
        """The system's and every tenant's."""
        yield self.system
        for stored in await TENANTS.all(self._store):
            if not stored.value.deleting:
                yield self.of(options_of(stored.value, self.system.options))

    async def maintain(self) -> None:
        """Forget certificates that ended long ago, take back those of hosts that were removed,
        keep lists current, and retire a root that nothing lives under."""
        async for each in self.all():
            await each.certificates.maintain()
            await self._keep_lists(each)
        await self._keep_root_lists()
        if self._hosts is not no_hosts and await take_back_departed(
            self._store, self._clock, self.system.certificates, self._hosts
        ):
            await self.platform.refresh()
        await self.rotation.maintain()

    async def _keep_lists(self, authority: TenantAuthority) -> None:
        try:
            await authority.revocation.keep_current()
        except HeliostatError as error:  # such as a hardware module that is away
            log.warning("a list of %s is signed later: %s", authority.options.domain, error)

    async def _keep_root_lists(self) -> None:
        for each in await ROOT_LISTS.all(self._store):
            root_id, days = each.value.id, self.system.options.authority.crl_days
            try:
                if await root_crl(self.roots, root_id, days) is not None:
                    await prune_root(self.roots, root_id)
            except HeliostatError as error:
                log.warning("the list of root %s is signed later: %s", root_id, error)
        await self.roots.all(0.0)

    async def forget(self) -> None:
        """Read again what is kept in memory, because keys lie there otherwise now."""
        await self.roots.forget()
        self.system.issuers.forget()
        self._kept.clear()
