"""Signing in with another SAML identity provider: there, and back with its assertion.

The answer comes as another site's form, so without our cookies: it is checked and kept for a
moment, and the browser comes with its cookie to fetch it.  What it was sent with is good once,
and so is the assertion.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.federation.newcomers import Newcomers
from heliostat.identity.federation.outsiders import outsider_of
from heliostat.identity.federation.providers import Providers
from heliostat.identity.federation.records import (
    AskedElsewhere,
    FederationKinds,
    Provider,
    ProviderKind,
)
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import REQUEST, Received
from heliostat.identity.saml.consumer import Expected, asserted
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.markup import Node, instant, make, refused
from heliostat.identity.saml.outgoing import Message, Onward, outgoing
from heliostat.identity.saml.provider_metadata import Described, identity_provider
from heliostat.identity.saml.records import Arrival, SamlKinds
from heliostat.identity.saml.replays import Replays
from heliostat.identity.saml.vocabulary import AuthnContext, Binding, NameIdFormat
from heliostat.identity.steps.proofs import Assurance, Proof, wanted
from heliostat.identity.steps.records import Continuation
from heliostat.identity.tokens.browsers import hashed

LASTS_MS = 10 * 60_000
FETCHED_WITHIN_MS = 2 * 60_000
_TWO_FACTORS = (
    AuthnContext.MULTI_FACTOR.value,
    "http://schemas.microsoft.com/claims/multipleauthn",
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody who has come back, for what; ``proof`` is what that shows."""

    continuation: Continuation
    person: Person
    proof: Proof


class SamlElsewhere:
    """Sends the people of one tenant to SAML providers, and takes them back."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        keys: SamlKeys,
        addresses: Addresses,
        providers: Providers,
        newcomers: Newcomers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._addresses = addresses
        self._providers = providers
        self._newcomers = newcomers
        self._replays = Replays(store, options)
        self._asked = FederationKinds.of(options.tenant).asked
        self._arrivals = SamlKinds.of(options.tenant).arrivals

    async def sent(self, provider: Provider, continuation: Continuation) -> tuple[Onward, str]:
        """How to send a browser to a provider, and the cookie that it has to bring back."""
        described = described_by(provider)
        if not described.sign_ons:
            raise refused(f"{provider.title} has no address to sign in at")
        endpoint = sorted(described.sign_ons, key=lambda e: e.binding is not Binding.REDIRECT)[0]
        state, cookie = self._ids.secret(32), self._ids.secret(32)
        request_id = "_" + self._ids.secret(20)
        now_ms = self._clock.now_ms()
        kept = AskedElsewhere(
            id=hashed(state),
            provider=provider.name,
            continuation=continuation,
            browser=hashed(cookie),
            nonce=request_id,
            verifier="",
            expires_ms=now_ms + LASTS_MS,
        )
        await self._store.commit([self._asked.absent(kept.id)], self._asked.put(kept))
        message = self._request(provider, continuation, request_id, endpoint.location)
        pair = await self._keys.signer()
        return outgoing(Message(REQUEST, message, state), endpoint, pair, provider.title), cookie

    def _request(
        self, provider: Provider, continuation: Continuation, request_id: str, location: str
    ) -> Node:
        again = "login" in continuation.fields.get("prompt", "").split()
        two = (
            provider.trust_second_factor and wanted(continuation.acr_values) is not Assurance.SINGLE
        )
        reference = make("saml:AuthnContextClassRef", None, AuthnContext.MULTI_FACTOR.value)
        return make(
            "samlp:AuthnRequest",
            {
                "ID": request_id,
                "Version": "2.0",
                "IssueInstant": instant(self._clock.now_ms()),
                "Destination": location,
                "AssertionConsumerServiceURL": self._addresses.consumer,
                "ProtocolBinding": Binding.POST.value,
                "ForceAuthn": "true" if again else None,
            },
            make("saml:Issuer", None, self._addresses.entity_id),
            make("samlp:NameIDPolicy", {"AllowCreate": "true"}),
            make("samlp:RequestedAuthnContext", None, reference) if two else None,
        )

    async def received(self, received: Received) -> str:
        """Check and keep an answer; gives the ticket that the browser fetches it with.

        Raises ``InvalidSamlMessage``, ``ProviderNotFound``.
        """
        now_ms = self._clock.now_ms()
        stored = await self._asked.get(self._store, hashed(received.relay_state))
        if stored is None or stored.value.expires_ms <= now_ms:
            raise refused("it answers nothing that was asked of late")
        provider = await self._providers.usable(stored.value.provider)
        described = described_by(provider)
        said = asserted(
            received,
            Expected(
                issuer=described.entity_id,
                certificates=described.signing,
                audience=self._addresses.entity_id,
                recipient=self._addresses.consumer,
                request_id=stored.value.nonce,
                pairs=tuple(await self._keys.published()),
            ),
            now_ms,
        )
        if said.name_id_format == NameIdFormat.TRANSIENT:
            raise refused(f"{provider.title} names people anew each time: ask it for lasting names")
        await self._replays.refuse_seen(described.entity_id, said.id, said.until_ms)
        ticket = self._ids.secret(32)
        arrival = Arrival(
            id=hashed(ticket),
            asked=stored.value.id,
            provider_id=provider.id,
            issuer=described.entity_id,
            name_id=said.name_id,
            context=said.context,
            attributes=dict(said.attributes),
            expires_ms=now_ms + FETCHED_WITHIN_MS,
        )
        await self._store.commit([self._arrivals.absent(arrival.id)], self._arrivals.put(arrival))
        return ticket

    async def taken(self, ticket: str, cookie: str) -> tuple[AskedElsewhere, Arrival]:
        """What a browser was sent with and what came back, spent now; raises ``SignInOver``."""
        now_ms = self._clock.now_ms()
        arrived = await self._arrivals.get(self._store, hashed(ticket))
        asked = await self._asked.get(self._store, arrived.value.asked) if arrived else None
        if arrived is None or asked is None:
            raise _over()
        ours = hmac.compare_digest(asked.value.browser, hashed(cookie))
        if not ours or min(arrived.value.expires_ms, asked.value.expires_ms) <= now_ms:
            raise _over()
        try:
            await self._store.commit(
                [self._arrivals.guard(arrived), self._asked.guard(asked)],
                [*self._arrivals.delete(arrived.value), *self._asked.delete(asked.value)],
            )
        except GuardFailed as error:
            raise _over() from error
        return asked.value, arrived.value

    async def admitted(self, asked: AskedElsewhere, arrival: Arrival) -> Arrived:
        """The person here; raises ``ProviderRefused``, ``ProviderNotFound``."""
        provider = await self._providers.usable(asked.provider)
        if provider.id != arrival.provider_id:
            raise _over()
        claims = claims_of(arrival)
        outsider = outsider_of(arrival.issuer, claims, provider.claims)
        person = await self._newcomers.admit(provider, outsider)
        twice = provider.trust_second_factor and outsider.two_factors
        return Arrived(
            asked.continuation, person, Proof.ELSEWHERE_TWICE if twice else Proof.ELSEWHERE
        )


def claims_of(arrival: Arrival) -> Mapping[str, Any]:
    """What was asserted, as claims: one value stands alone.

    A company vouches for the addresses that its provider signs, so they count as proven.
    """
    told: dict[str, Any] = {
        key: values[0] if len(values) == 1 else list(values)
        for key, values in arrival.attributes.items()
        if values
    }
    methods = ["mfa"] if arrival.context in _TWO_FACTORS else []
    return {**told, "sub": arrival.name_id, "email_verified": True, "amr": methods}


def described_by(provider: Provider) -> Described:
    """What a provider's metadata says; raises ``InvalidOperation`` for one of another kind."""
    if provider.kind is not ProviderKind.SAML or provider.saml is None:
        raise PermanentError("InvalidOperation", f"{provider.title} speaks no SAML.")
    return _read(provider.saml.metadata)


@lru_cache(maxsize=64)
def _read(text: str) -> Described:
    """Metadata that was imported counts until other is: it was checked then."""
    return identity_provider(text, 0)


def _over() -> PermanentError:
    return PermanentError("SignInOver", "This browser has not just been sent to that provider.")
