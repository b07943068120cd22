"""The directories of all tenants: what administration is given.

``system`` is the site's own; ``of`` finds a tenant's; ``tenants`` makes and ends them.
``close`` ends the threads that hash passwords.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.realms import Realms
from heliostat.identity.tenants import Tenants


class Directories:
    """Everybody of a site, by tenant."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions) -> None:
        self.hashing = Hashing(ids, options.hashing)
        self.realms = Realms(store, clock, ids, options, self.hashing)
        self.tenants = Tenants(store, clock, ids, options, self.hashing)

    @property
    def system(self) -> Directory:
        """Of the tenant whose administrators administer the site."""
        return self.realms.system.directory

    async def of(self, domain: str) -> Directory:
        """Of the tenant with this domain; raises ``TenantNotFound``."""
        return (await self.realms.get(domain)).directory

    def close(self) -> None:
        self.hashing.close()
