"""ACME of one tenant, put together."""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.acme.accounts import Accounts
from heliostat.identity.acme.authorizations import Authorizations, Vouch
from heliostat.identity.acme.bounds import Bounds
from heliostat.identity.acme.nonces import Nonces
from heliostat.identity.acme.orders import Orders
from heliostat.identity.acme.validation import Validation
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.rules import AcmeRules
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sealing import Sealing


class Acme:
    """Nonces, accounts and orders; they hold nothing that the store does not have."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        certificates: Certificates,
        vouch: Vouch,
    ) -> None:
        self._options = options
        self.certificates = certificates
        self.nonces = Nonces(store, clock, ids, sealing, options.tenant)
        self.accounts = Accounts(store, clock, ids, sealing, options.tenant)
        validation = Validation(options.authority.validation, options.reach)
        self.authorizations = Authorizations(
            store, clock, ids, options.tenant, certificates, validation, vouch
        )
        self.bounds = Bounds(store, clock, options.authority.acme, options.tenant)
        self.orders = Orders(
            store, clock, ids, options.tenant, certificates, self.authorizations, self.bounds
        )

    @property
    def domain(self) -> str:
        return self._options.domain

    def base_of(self, origin: str) -> str:
        """The address of the site that a request came to; its first, behind a proxy."""
        known = (self._options.base_url.rstrip("/"), *self._options.other_urls)
        return origin if origin in known else known[0]

    async def rules(self) -> AcmeRules:
        """Who may use it, and for what."""
        return (await self.certificates.policy()).acme
