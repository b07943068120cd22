"""Another identity provider tells that somebody has signed out there: they are signed out here.

Only browsers that were signed in with a provider end; who has signed in with a password
stays.  What those browsers were signed in to is signed out of, and the provider is answered.
"""

from __future__ import annotations

from dataclasses import replace

from heliostat.cloudstore.contract import CloudStore
from heliostat.identity.federation.providers import Providers
from heliostat.identity.federation.records import FederationKinds, Provider, ProviderKind, link_id
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import REQUEST, Received
from heliostat.identity.saml.elsewhere import described_by
from heliostat.identity.saml.markup import one, refused, text_of
from heliostat.identity.saml.outgoing import Onward
from heliostat.identity.saml.records import Logout
from heliostat.identity.saml.requests import issuer_of
from heliostat.identity.saml.single_logout import SingleLogout, logout_endpoint
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.tokens.records import TokenKinds

_ELSEWHERE = frozenset({Proof.ELSEWHERE.value, Proof.ELSEWHERE_TWICE.value})


class ToldElsewhere:
    """Takes the logout requests of one tenant's identity providers."""

    def __init__(
        self,
        store: CloudStore,
        options: IdentityOptions,
        addresses: Addresses,
        providers: Providers,
        logout: SingleLogout,
    ) -> None:
        self._store = store
        self._addresses = addresses
        self._providers = providers
        self._logout = logout
        self._links = FederationKinds.of(options.tenant).links
        self._signed_in = TokenKinds.of(options.tenant).browsers

    async def received(self, received: Received) -> Onward:
        """A provider's request; raises ``InvalidSamlMessage``."""
        if received.kind != REQUEST:
            raise refused("it answers nothing that was asked")
        issuer = issuer_of(received.root)
        provider = await self._provider(issuer)
        described = described_by(provider)
        root, id_ = await self._logout.request(
            received, described.entity_id, described.signing, self._addresses.consumer_logout
        )
        name_id = text_of(one(root, "saml:NameID"))
        run = Logout(
            id="",
            left=(),
            asked_by=provider.title,
            answers=logout_endpoint(described.logouts),
            request_id=id_,
            relay_state=received.relay_state,
        )
        browsers = await self._browsers(provider, issuer, name_id)
        return replace(await self._logout.leave(browsers, run), by=provider.name)

    async def _provider(self, issuer: str) -> Provider:
        for provider in await self._providers.offered():
            if provider.kind is ProviderKind.SAML and described_by(provider).entity_id == issuer:
                return provider
        raise refused(f"{issuer[:80]!r} is no identity provider of ours")

    async def _browsers(self, provider: Provider, issuer: str, name_id: str) -> list[str]:
        link = await self._links.get(self._store, link_id(provider, issuer, name_id))
        if link is None:
            return []
        found = await self._signed_in.by_index(self._store, "user", link.value.user)
        return [e.value.id for e in found if not _ELSEWHERE.isdisjoint(e.value.proofs)]
