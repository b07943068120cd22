"""SAML of one tenant, put together; made when something of SAML is first asked for."""

from __future__ import annotations

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.federation.newcomers import Newcomers
from heliostat.identity.federation.providers import Providers
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.elsewhere import SamlElsewhere
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.metadata import metadata
from heliostat.identity.saml.names import Names
from heliostat.identity.saml.refusing import Refusing
from heliostat.identity.saml.service_providers import ServiceProviders
from heliostat.identity.saml.sign_in_requests import SignInRequests
from heliostat.identity.saml.single_logout import SingleLogout
from heliostat.identity.saml.single_sign_on import SingleSignOn
from heliostat.identity.saml.told_elsewhere import ToldElsewhere
from heliostat.identity.saml.trust import Trust
from heliostat.identity.sealing import Sealing
from heliostat.identity.tokens.browsers import Browsers


class Saml:
    """One tenant's SAML: keys, metadata, signing in and out."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        browsers: Browsers,
        providers: Providers,
        newcomers: Newcomers,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self.addresses = Addresses(options.base_url, options.domain)
        self.keys = SamlKeys(store, clock, ids, options, sealing)
        self.providers = ServiceProviders(store, clock, options)
        refusing = Refusing(clock, ids, self.keys, self.addresses)
        self.requests = SignInRequests(
            clock, ids, options, sealing, self.providers, self.addresses, refusing
        )
        self.sign_on = SingleSignOn(store, clock, ids, options, self.keys, self.addresses, refusing)
        self.trust = Trust(
            clock,
            ids,
            options,
            self.keys,
            self.providers,
            self.addresses,
            Names(store, ids, options),
        )
        self.elsewhere = SamlElsewhere(
            store, clock, ids, options, self.keys, self.addresses, providers, newcomers
        )
        self.logout = SingleLogout(
            store, clock, ids, options, self.keys, self.providers, self.addresses, browsers
        )
        self.told_elsewhere = ToldElsewhere(store, options, self.addresses, providers, self.logout)

    @property
    def metadata_url(self) -> str:
        """Where service providers read about this tenant; it is our entity id, too."""
        return self.addresses.entity_id

    async def replace_key(self, *, plan: bool = False) -> int:
        """Publish the next key; gives when it signs (ms)."""
        return await self.keys.replace(plan=plan)

    async def metadata(self) -> bytes:
        """What others read about this tenant, signed."""
        pairs = await self.keys.published()
        id_ = "_" + self._ids.secret(20)
        return metadata(self.addresses, pairs, id_, self._clock.now_ms())
