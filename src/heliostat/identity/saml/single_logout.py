"""Signing out of everything: one browser's service providers, one after the other.

A run is begun by a provider's request, or by the person here; the browser's session ends
first, then each provider is sent its request by way of the browser and answers.  Whoever
does not answer well makes the logout partial; a provider without an address for it, and more
of them than a browser can be led through, too.
The run is a document, so any controller goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml import answers
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.bindings import REQUEST, RESPONSE, Received
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.logout_runs import RUN_MS, LogoutRuns
from heliostat.identity.saml.markup import (
    Node,
    refused,
)
from heliostat.identity.saml.outgoing import Message, Onward, outgoing
from heliostat.identity.saml.participants import Participants, together
from heliostat.identity.saml.records import (
    Endpoint,
    Logout,
    Participant,
    ServiceProvider,
)
from heliostat.identity.saml.replays import Replays
from heliostat.identity.saml.requests import (
    AHEAD_MS,
    OLDEST_MS,
    believed,
    check_times,
    is_partial,
    issuer_of,
    logout_request,
)
from heliostat.identity.saml.service_providers import ServiceProviders
from heliostat.identity.saml.vocabulary import Binding
from heliostat.identity.tokens.browsers import Browsers, hashed
from heliostat.identity.tokens.records import BrowserSession, TokenKinds


class SingleLogout:
    """Signs the people of one tenant out of their service providers."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        keys: SamlKeys,
        providers: ServiceProviders,
        addresses: Addresses,
        browsers: Browsers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._providers = providers
        self._addresses = addresses
        self._browsers = browsers
        self._runs = LogoutRuns(store, clock, options)
        self._replays = Replays(store, options)
        self._participants = Participants(store, options)
        self._sessions = TokenKinds.of(options.tenant).browsers

    async def received(self, received: Received) -> Onward:
        """A provider's request, or its answer to ours; raises ``InvalidSamlMessage``."""
        if received.kind == RESPONSE:
            return await self._answered(received)
        return await self._asked(received)

    async def begin(self, browser: BrowserSession, onward: str) -> Onward | None:
        """Sign a browser that is leaving out of its providers; ``None``: there are none.

        ``onward`` is where it goes in the end.
        """
        if not await self._participants.of_browser(browser.id):
            return None
        return await self.leave([browser.id], Logout(id="", left=(), onward=onward))

    async def _asked(self, received: Received) -> Onward:
        provider = await self._providers.of_entity(issuer_of(received.root))
        root, id_ = await self.request(
            received, provider.entity_id, provider.signing, self._addresses.logout
        )
        mine = await self._participants.meant(root, provider)
        browsers = dict.fromkeys(each.browser for each in mine)
        onward = await self.leave(
            browsers,
            Logout(
                id="",
                left=(),
                asked_by=provider.title or provider.name,
                answers=logout_endpoint(provider.logouts),
                request_id=id_,
                relay_state=received.relay_state,
            ),
            besides=mine,
        )
        return replace(onward, by=provider.name)

    async def request(
        self, received: Received, sender: str, certificates: Sequence[str], place: str
    ) -> tuple[Node, str]:
        """A request to sign somebody out that is in order, and its id; good once."""
        now_ms = self._clock.now_ms()
        root, id_ = logout_request(received, sender, certificates, place, now_ms)
        await self._replays.refuse_seen(sender, id_, now_ms + OLDEST_MS + AHEAD_MS)
        return root, id_

    async def leave(
        self, browsers: Iterable[str], run: Logout, besides: Sequence[Participant] = ()
    ) -> Onward:
        """End browsers' sessions, then go through their providers but for those in ``besides``."""
        known = {each.provider for each in besides}
        left: dict[str, Participant] = {}
        users: dict[str, None] = {}
        for browser in browsers:
            for each in await self._participants.of_browser(browser):
                left[each.id] = each
            users |= dict.fromkeys(await self._end_browser(browser))
        await self._participants.forget([*left.values(), *besides])
        others = [each for each in left.values() if each.provider not in known]
        expires_ms = self._clock.now_ms() + RUN_MS
        asked, complete = together(others)
        begun = msgspec.structs.replace(
            run, left=asked, partial=run.partial or not complete, expires_ms=expires_ms
        )
        return replace(await self._next(begun), left=tuple(users))

    async def _answered(self, received: Received) -> Onward:
        run = await self._runs.find(received.relay_state)
        provider = await self._providers.of_entity(issuer_of(received.root))
        root = believed(
            received,
            "samlp:LogoutResponse",
            provider.signing,
            needs_signature=bool(provider.signing),
        )
        check_times(root, self._clock.now_ms(), [self._addresses.logout])
        expected = root.get("InResponseTo") == run.waits_for and provider.name == run.waits_at
        if not run.waits_for or not expected:
            raise refused("it answers nothing that was asked")
        partial = is_partial(root)
        return await self._next(
            msgspec.structs.replace(run, waits_for="", waits_at="", partial=run.partial or partial)
        )

    async def _next(self, run: Logout) -> Onward:
        """Ask the next provider that can be asked; at the end, answer whoever began."""
        left, partial = list(run.left), run.partial
        while left:
            participant = left.pop(0)
            asked = await self._ask(participant)
            if asked is None:
                partial = True
                continue
            provider, endpoint = asked
            secret, id_ = self._ids.secret(32), "_" + self._ids.secret(20)
            await self._runs.move(
                run,
                msgspec.structs.replace(
                    run,
                    id=hashed(secret),
                    left=tuple(left),
                    partial=partial,
                    waits_for=id_,
                    waits_at=provider.name,
                ),
            )
            message = answers.logout_request(
                self._addresses.entity_id,
                endpoint.location,
                answers.name_id(
                    participant.name_id,
                    participant.name_id_format,
                    self._addresses.entity_id,
                    provider.entity_id,
                ),
                (participant.session_index, *participant.also),
                id_,
                self._clock.now_ms(),
            )
            sent = Message(REQUEST, message, secret)
            title = provider.title or provider.name
            return outgoing(sent, endpoint, await self._keys.signer(), title)
        await self._runs.move(run, None)
        return await self._arrived(msgspec.structs.replace(run, partial=partial))

    async def _arrived(self, run: Logout) -> Onward:
        if run.answers is None:
            return Onward(url=run.onward, partial=run.partial)
        target = run.answers.answers or run.answers.location
        message = answers.logout_response(
            self._addresses.entity_id,
            target,
            run.request_id,
            "_" + self._ids.secret(20),
            self._clock.now_ms(),
            partial=run.partial,
        )
        sent = Message(RESPONSE, message, run.relay_state)
        return outgoing(sent, run.answers, await self._keys.signer(), run.asked_by)

    async def _ask(self, participant: Participant) -> tuple[ServiceProvider, Endpoint] | None:
        try:
            provider = await self._providers.get(participant.provider)
        except PermanentError:
            return None
        endpoint = logout_endpoint(provider.logouts)
        return None if endpoint is None else (provider, endpoint)

    async def _end_browser(self, browser: str) -> tuple[str, ...]:
        """Whose session it was; nobody's where it has ended already."""
        stored = await self._sessions.get(self._store, browser)
        if stored is None:
            return ()
        await self._browsers.end(stored.value)
        return (stored.value.user,)


def logout_endpoint(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """Where somebody is told of signing out; redirects first, because they need no button."""
    ordered = sorted(endpoints, key=lambda each: each.binding is not Binding.REDIRECT)
    return ordered[0] if ordered else None
