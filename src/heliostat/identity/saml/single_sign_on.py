"""Signing in to service providers: from a request to the form that the browser takes back.

``next_step`` is pure and says what is due; ``answer`` spends the request, so one request gets
one answer, and remembers the provider for signing out.
"""

from __future__ import annotations

import asyncio

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml import answers, told
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import RESPONSE, to_form
from heliostat.identity.saml.contexts import satisfied
from heliostat.identity.saml.due import SignedIn, next_step
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.markup import refused
from heliostat.identity.saml.names import Names
from heliostat.identity.saml.outgoing import Form
from heliostat.identity.saml.records import Participant, SamlKinds, ServiceProvider, SignInAsked
from heliostat.identity.saml.refusing import Refusing, new_id
from heliostat.identity.saml.replays import Replays
from heliostat.identity.saml.requests import (
    AHEAD_MS,
    OLDEST_MS,
    Refusal,
)
from heliostat.identity.saml.sign_in_requests import WAITS_MS
from heliostat.identity.saml.vocabulary import Status
from heliostat.identity.tokens.browsers import hashed
from heliostat.identity.tokens.records import TokenKinds


class SingleSignOn:
    """Sign-ins of one tenant's people to its service providers."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        keys: SamlKeys,
        addresses: Addresses,
        refusing: Refusing,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._domain = options.domain
        self._keys = keys
        self._addresses = addresses
        self._refusing = refusing
        self._names = Names(store, ids, options)
        self._replays = Replays(store, options)
        self._kinds = SamlKinds.of(options.tenant)
        self._browsers = TokenKinds.of(options.tenant).browsers

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
        new = answers.NewIds(new_id(self._ids), new_id(self._ids))
        pair = await self._keys.signer()
        # two signatures and an encryption take some milliseconds, which others need not wait for
        message = await asyncio.to_thread(answers.response, said, provider, pair, new)
        fields = to_form(RESPONSE, message, asked.relay_state)
        return Form(provider.title or provider.name, asked.consumer.location, fields)

    async def refuse(self, asked: SignInAsked, provider: ServiceProvider, refusal: Refusal) -> Form:
        """The form that tells the provider no."""
        return await self._refusing.form(
            provider, asked.consumer.location, asked.request_id, asked.relay_state, refusal
        )

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
