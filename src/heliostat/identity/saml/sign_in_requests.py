"""Requests of service providers to sign somebody in: checked, sealed, carried by the browser.

The browser carries a request until somebody is signed in, so strangers' requests leave nothing
in the store.
"""

from __future__ import annotations

import msgspec

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml import told
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import Received
from heliostat.identity.saml.markup import refused
from heliostat.identity.saml.records import ServiceProvider, SignInAsked
from heliostat.identity.saml.refusing import Refusing, Told
from heliostat.identity.saml.requests import (
    AuthnRequest,
    Refusal,
    authn_request,
    believed,
    default_consumer,
    issuer_of,
)
from heliostat.identity.saml.service_providers import ServiceProviders
from heliostat.identity.saml.vocabulary import LONGEST_RELAY_STATE, Status
from heliostat.identity.sealing import Sealing

WAITS_MS = 30 * 60_000
"""How long a request waits for somebody to sign in."""
LONGEST_SEALED = 6_000


class SignInRequests:
    """What one tenant's service providers ask."""

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        providers: ServiceProviders,
        addresses: Addresses,
        refusing: Refusing,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._sealing = sealing
        self._place = f"saml-request/{options.tenant}"
        self._providers = providers
        self._addresses = addresses
        self._refusing = refusing

    async def asked(self, received: Received) -> tuple[SignInAsked, str]:
        """Check a provider's request; gives it, and as what the browser carries it.

        Raises ``InvalidSamlMessage`` and ``ServiceProviderNotFound``, which the person is
        shown, and ``Told`` for what the provider is told.
        """
        provider = await self._providers.of_entity(issuer_of(received.root))
        root = believed(
            received,
            "samlp:AuthnRequest",
            provider.signing,
            needs_signature=provider.wants_signed_requests,
        )
        if issuer_of(root) != provider.entity_id:
            raise refused("its issuer is not signed")
        now_ms = self._clock.now_ms()
        request = authn_request(root, provider, now_ms, [self._addresses.sign_on])
        format_ = request.name_id or provider.name_id
        if request.wrong_name_id or not told.may_be_named(provider, format_):
            raise await self._told_at_once(provider, request, received.relay_state)
        asked = SignInAsked(
            id=self._ids.secret(16),
            provider=provider.name,
            consumer=request.consumer,
            request_id=request.id,
            relay_state=received.relay_state,
            force=request.force,
            passive=request.passive,
            contexts=request.contexts,
            comparison=request.comparison,
            name_id=format_,
            asked_ms=now_ms,
            expires_ms=now_ms + WAITS_MS,
        )
        return self._sealed(asked)

    async def unsolicited(self, entity_id: str, relay_state: str) -> tuple[SignInAsked, str]:
        """Begin a sign-in here, for a provider that takes those (IdP-initiated).

        Raises ``ServiceProviderNotFound``, ``InvalidSamlMessage``.
        """
        provider = await self._providers.of_entity(entity_id)
        if not provider.unsolicited:
            raise refused(f"{provider.name} takes no sign-in that it has not asked for")
        if len(relay_state.encode()) > LONGEST_RELAY_STATE:
            raise refused(f"RelayState has more than {LONGEST_RELAY_STATE} bytes")
        now_ms = self._clock.now_ms()
        asked = SignInAsked(
            id=self._ids.secret(16),
            provider=provider.name,
            consumer=default_consumer(provider),
            request_id="",
            relay_state=relay_state,
            force=False,
            passive=False,
            contexts=(),
            comparison="exact",
            name_id=provider.name_id,
            asked_ms=now_ms,
            expires_ms=now_ms + WAITS_MS,
        )
        return self._sealed(asked)

    async def find(self, sealed: str) -> tuple[SignInAsked, ServiceProvider]:
        """The request that a browser carries, and whose it is; raises ``InvalidSamlMessage``."""
        try:
            plain = self._sealing.unseal(sealed[:LONGEST_SEALED], self._place)
        except PermanentError as error:
            raise refused("the request is none of ours; begin again where you came from") from error
        asked = msgspec.json.decode(plain, type=SignInAsked)
        if asked.expires_ms <= self._clock.now_ms():
            raise refused("the request is over; begin again where you came from")
        try:
            return asked, await self._providers.get(asked.provider)
        except PermanentError as error:
            raise refused("its service provider is gone") from error

    async def _told_at_once(
        self, provider: ServiceProvider, request: AuthnRequest, relay_state: str
    ) -> Told:
        refusal = Refusal(
            Status.REQUESTER,
            Status.INVALID_NAME_ID_POLICY,
            "People are not named to this provider in that way.",
        )
        form = await self._refusing.form(
            provider, request.consumer.location, request.id, relay_state, refusal
        )
        return Told(form)

    def _sealed(self, asked: SignInAsked) -> tuple[SignInAsked, str]:
        return asked, self._sealing.seal(msgspec.json.encode(asked), self._place)
