"""What signs people in, by tenant: a ``Realm`` has all of one tenant's parts.

Realms are made when first asked for and kept while the tenant's document is what it
was; their number is bounded.  They share the hashing, whose bound is the process's.
"""

from __future__ import annotations

from collections import OrderedDict

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.names import fold
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.sweep import sweep
from heliostat.identity.tenants import TENANTS, find_tenant, no_tenant, options_of
from heliostat.identity.tokens.assertions import Assertions
from heliostat.identity.tokens.authorization import Authorization
from heliostat.identity.tokens.browsers import Browsers
from heliostat.identity.tokens.client_authentication import ClientAuthentication
from heliostat.identity.tokens.codes import Codes
from heliostat.identity.tokens.grants import Grants
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.sessions import Sessions
from heliostat.identity.tokens.standing import Standing

KEPT = 256
"""Realms held at once; each is a few objects and its tenant's signing keys."""


class Realm:
    """Directory, signing keys, sessions and grants of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, hashing: Hashing
    ) -> None:
        self.options = options
        self._store = store
        self._clock = clock
        self.directory = Directory(store, clock, ids, options, hashing)
        self.keys = SigningKeys(store, clock, options)
        sessions = Sessions(store, clock, ids, options)
        self.clients = ClientAuthentication(self.directory, Assertions(store, clock, options))
        self.browsers = Browsers(store, clock, ids, options)
        self.authorization = Authorization(
            store, clock, ids, options, self.directory, self.browsers
        )
        codes = Codes(store, clock, options, sessions)
        self.grants = Grants(
            self.directory, self.directory, self.keys, sessions, self.clients, codes
        )
        self.standing = Standing(self.directory, self.directory, self.keys, sessions, clock)

    @property
    def is_system(self) -> bool:
        """Whether its administrators administer the site."""
        return self.options.tenant == SYSTEM_TENANT

    async def maintain(self) -> int:
        """Rotate old keys and forget what has ended; gives how many documents went."""
        await self.keys.maintain()
        return await sweep(self._store, self._clock, self.directory.kinds.expiring)


class Realms:
    """Finds the realm of a domain."""

    def __init__(
        self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions, hashing: Hashing
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._hashing = hashing
        self._options = options
        self.system = Realm(store, clock, ids, options, hashing)
        self._kept: OrderedDict[str, tuple[int, Realm]] = OrderedDict()

    async def find(self, domain: str) -> Realm | None:
        """The realm of ``domain`` in any spelling; ``None`` if no tenant has it."""
        if fold(domain) == fold(self._options.domain):
            return self.system
        stored = await find_tenant(self._store, domain)
        if stored is None:
            return None
        known = self._kept.get(stored.value.id)
        if known is None or known[0] != stored.revision:
            options = options_of(stored.value, self._options)
            realm = Realm(self._store, self._clock, self._ids, options, self._hashing)
            known = (stored.revision, realm)
            self._kept[stored.value.id] = known
        self._kept.move_to_end(stored.value.id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known[1]

    async def get(self, domain: str) -> Realm:
        """As ``find``; raises ``TenantNotFound``."""
        realm = await self.find(domain)
        if realm is None:
            raise no_tenant(domain)
        return realm

    async def maintain(self) -> int:
        """``Realm.maintain`` of every tenant."""
        count = await self.system.maintain()
        for stored in await TENANTS.all(self._store):
            realm = await self.find(stored.value.domain)
            count += await realm.maintain() if realm is not None else 0
        return count
