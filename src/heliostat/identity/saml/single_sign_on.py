"""Signing in to service providers: from a request to the form that the browser takes back.

A request is checked and sealed; the browser carries it until somebody is signed in, so
strangers' requests leave nothing in the store.  ``next_step`` is pure and says what is due;
``answer`` spends the request, so one request gets one answer, and remembers the provider
for signing out.
"""

from __future__ import annotations

import asyncio

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import kinds_of
from heliostat.identity.saml import answers, told
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import RESPONSE, Received, to_form
from heliostat.identity.saml.contexts import satisfied
from heliostat.identity.saml.due import SignedIn, next_step
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.markup import refused
from heliostat.identity.saml.names import Names
from heliostat.identity.saml.outgoing import Form
from heliostat.identity.saml.records import Participant, ServiceProvider, SignInAsked
from heliostat.identity.saml.replays import Replays
from heliostat.identity.saml.requests import (
    AHEAD_MS,
    OLDEST_MS,
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
from heliostat.identity.tokens.browsers import hashed

WAITS_MS = 30 * 60_000
"""How long a request waits for somebody to sign in."""
LONGEST_SEALED = 6_000


class SingleSignOn:
    """Sign-ins of one tenant's people to its service providers."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        keys: SamlKeys,
        providers: ServiceProviders,
        addresses: Addresses,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sealing = sealing
        self._domain = options.domain
        self._place = f"saml-request/{options.tenant}"
        self._keys = keys
        self._providers = providers
        self._addresses = addresses
        self._names = Names(store, ids, options)
        self._replays = Replays(store, options)
        self._kinds = kinds_of(options.tenant).saml
        self._browsers = kinds_of(options.tenant).browsers

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

    async def answer(
        self, asked: SignInAsked, provider: ServiceProvider, signed_in: SignedIn
    ) -> Form:
        """The form with the assertion; raises ``Refusal`` where ``next_step`` would."""
        step = next_step(asked, provider, signed_in, self._domain)
        if step is not None:
            raise Refusal(Status.RESPONDER, Status.NO_PASSIVE, step.reason)
        now_ms = self._clock.now_ms()
        name_id = await self._names.name_of(signed_in.person, provider, asked.name_id)
        session_index = self._ids.secret(24)
        said = answers.Statement(
            issuer=self._addresses.entity_id,
            audience=provider.entity_id,
            recipient=asked.consumer.location,
            request_id=asked.request_id,
            name_id=name_id,
            name_id_format=asked.name_id,
            attributes=told.attributes_of(signed_in.person, provider),
            context=str(satisfied(signed_in.methods, asked.contexts, asked.comparison)),
            session_index=session_index,
            signed_in_ms=signed_in.signed_in_ms,
            session_ends_ms=signed_in.ends_ms,
            now_ms=now_ms,
        )
        participant = Participant(
            id=hashed(f"{signed_in.browser}\0{provider.name}\0{session_index}"),
            browser=signed_in.browser,
            provider=provider.name,
            name_id=name_id,
            name_id_format=asked.name_id,
            session_index=session_index,
            expires_ms=signed_in.ends_ms,
        )
        await self._spend(asked, provider, participant)
        new = answers.NewIds(self.new_id(), self.new_id())
        pair = await self._keys.signer()
        # two signatures and an encryption take some milliseconds, which others need not wait for
        message = await asyncio.to_thread(answers.response, said, provider, pair, new)
        fields = to_form(RESPONSE, message, asked.relay_state)
        return Form(provider.title or provider.name, asked.consumer.location, fields)

    async def refuse(self, asked: SignInAsked, provider: ServiceProvider, refusal: Refusal) -> Form:
        """The form that tells the provider no."""
        return await self._refusal(
            provider, asked.consumer.location, asked.request_id, asked.relay_state, refusal
        )

    def new_id(self) -> str:
        """An id for a message: no number first, as XML wants it."""
        return "_" + self._ids.secret(20)

    async def _refusal(
        self,
        provider: ServiceProvider,
        target: str,
        request_id: str,
        relay_state: str,
        refusal: Refusal,
    ) -> Form:
        message = answers.refusal(
            self._addresses.entity_id,
            target,
            request_id,
            self.new_id(),
            self._clock.now_ms(),
            await self._keys.signer(),
            (refusal.top, refusal.second, refusal.sentence),
        )
        fields = to_form(RESPONSE, message, relay_state)
        return Form(provider.title or provider.name, target, fields)

    async def _told_at_once(
        self, provider: ServiceProvider, request: AuthnRequest, relay_state: str
    ) -> Told:
        refusal = Refusal(
            Status.REQUESTER,
            Status.INVALID_NAME_ID_POLICY,
            "People are not named to this provider in that way.",
        )
        form = await self._refusal(
            provider, request.consumer.location, request.id, relay_state, refusal
        )
        return Told(form)

    def _sealed(self, asked: SignInAsked) -> tuple[SignInAsked, str]:
        return asked, self._sealing.seal(msgspec.json.encode(asked), self._place)

    async def _spend(
        self, asked: SignInAsked, provider: ServiceProvider, participant: Participant
    ) -> None:
        browser = await self._browsers.get(self._store, participant.browser)
        if browser is None:
            raise refused("the browser is signed out by now; begin again where you came from")
        # until nobody believes the request any more, nor carries it
        until_ms = self._clock.now_ms() + WAITS_MS + OLDEST_MS + AHEAD_MS
        id_ = asked.request_id or asked.id
        spent, changes = self._replays.spent(provider.entity_id, id_, until_ms)
        changes += self._kinds.participants.put(participant)
        try:
            await self._store.commit([spent, self._browsers.guard(browser)], changes)
        except GuardFailed as error:
            raise refused("the request was answered; begin again where you came from") from error


class Told(Exception):
    """The provider is told no at once, with this form."""

    def __init__(self, form: Form) -> None:
        super().__init__("refused")
        self.form = form
