"""What signs people in, by tenant: a ``Realm`` has all of one tenant's parts.

Realms are made when first asked for and kept while the tenant's document and its policy
are what they were; their number is bounded.  They share the hashing, whose bound is the process's.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.federation.outbound import Outbound
from heliostat.identity.names import fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.policies.policies import read_policy
from heliostat.identity.policies.sections import laid_over
from heliostat.identity.reach.gate import Gate
from heliostat.identity.realm import Realm
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.links import Links
from heliostat.identity.tenant import TENANTS, find_tenant, no_tenant, options_of

KEPT = 256
"""Realms held at once; each is a few objects and its tenant's signing keys."""


class Kept(NamedTuple):
    """A realm, and the revisions of the tenant and of the policy that it was made from."""

    tenant_revision: int
    policy_revision: int
    realm: Realm


class Realms:
    """Finds the realm of a domain."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        hashing: Hashing,
        sealing: Sealing | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._hashing = hashing
        self._options = options
        self._sealing = sealing or Sealing.passing()
        gate = Gate(options.reach)
        self._outbound = Outbound(gate, plain_http=options.federation.plain_http)
        self._links = Links(clock, self._sealing, gate)
        self._system = Kept(0, 0, self._made(options))
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    @property
    def system(self) -> Realm:
        """The site's own realm, by the policy that was last looked at; see ``find``."""
        return self._system.realm

    async def find(self, domain: str) -> Realm | None:
        """The realm of ``domain`` in any spelling; ``None`` if no tenant has it."""
        if fold(domain) == fold(self._options.domain):
            self._system = await self._current(self._system, 0, self._options)
            return self.system
        stored = await find_tenant(self._store, domain)
        if stored is None:
            return None
        id_, options = stored.value.id, options_of(stored.value, self._options)
        kept = await self._current(self._kept.get(id_), stored.revision, options)
        self._kept[id_] = kept
        self._kept.move_to_end(id_)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept.realm

    async def _current(self, kept: Kept | None, revision: int, options: IdentityOptions) -> Kept:
        """What is kept, or made anew if the tenant or its policy is another by now."""
        policy = await read_policy(self._store, options.tenant)
        policy_revision = policy.revision if policy is not None else 0
        if kept is not None and kept[:2] == (revision, policy_revision):
            return kept
        own = laid_over(options, policy.value.settings) if policy is not None else options
        return Kept(revision, policy_revision, self._made(own))

    def _made(self, options: IdentityOptions) -> Realm:
        return Realm(
            self._store,
            self._clock,
            self._ids,
            options,
            self._hashing,
            self._sealing,
            self._outbound,
            self._links,
            self._options.domain,
        )

    async def get(self, domain: str) -> Realm:
        """As ``find``; raises ``TenantNotFound``."""
        realm = await self.find(domain)
        if realm is None:
            raise no_tenant(domain)
        return realm

    async def all(self) -> list[Realm]:
        """Every tenant's, the site's own first."""
        domains = [self._options.domain]
        domains += [each.value.domain for each in await TENANTS.all(self._store)]
        found = [await self.find(domain) for domain in domains]
        return [realm for realm in found if realm is not None]

    async def maintain(self) -> int:
        """``Realm.maintain`` of every tenant."""
        return sum([await realm.maintain() for realm in await self.all()])

    def close(self) -> None:
        """Close what is open to directories elsewhere."""
        self._links.close()
