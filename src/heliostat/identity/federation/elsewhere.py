"""Signing in with another OpenID provider: there and back (authorization code with PKCE).

What a browser is sent with goes with it, sealed in a cookie for the state that it has to bring
back: so who only begins writes nothing here.  It is good once, for the browser that was sent and
the provider that was asked.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.federation.authentication import OurProof
from heliostat.identity.federation.newcomers import Newcomers
from heliostat.identity.federation.openid import OpenIdProvider, Sent
from heliostat.identity.federation.outbound import Outbound, invalid
from heliostat.identity.federation.outsiders import outsider_of
from heliostat.identity.federation.providers import Providers
from heliostat.identity.federation.records import AskedElsewhere, OidcSettings, Provider
from heliostat.identity.federation.token_checks import LOGOUT_TOKEN_S
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.sealing import Sealing
from heliostat.identity.steps.proofs import Assurance, Proof, wanted
from heliostat.identity.steps.records import Continuation
from heliostat.identity.tokens.browsers import SECRET_BYTES, hashed
from heliostat.identity.tokens.records import SpentAssertion, TokenKinds

LASTS_S = 600
LONGEST_COOKIE = 3_900
"""Browsers keep cookies of 4,096 bytes, name and attributes included."""
PATH = "/openidconnect/federate"
KNOWN = 64
"""Providers of which metadata and keys are kept in memory."""


@dataclass(frozen=True, slots=True)
class Back:
    """Somebody who has come back, for what; ``proof`` is what that shows."""

    continuation: Continuation
    provider: Provider
    person: Person
    proof: Proof


@dataclass(frozen=True, slots=True)
class Departed:
    """A user whom a provider has signed out (empty: one who never came here), and by what."""

    user: str
    spent: SpentAssertion


class Elsewhere:
    """Sends the people of one tenant to providers, and takes them back."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        sealing: Sealing,
        outbound: Outbound,
        providers: Providers,
        newcomers: Newcomers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._outbound = outbound
        self.addresses = Addresses(options.base_url, options.domain)
        self._providers = providers
        self._newcomers = newcomers
        self._proof = OurProof(sealing, options.tenant, ids)
        self._sealing = sealing
        self._spent = TokenKinds.of(options.tenant).spent_assertions
        self._known: dict[str, OpenIdProvider] = {}

    def asked(self, provider: Provider) -> OpenIdProvider:
        """A provider as something to ask, with what is known of it; raises ``InvalidOperation``."""
        settings = _settings(provider)
        known = self._known.get(provider.id)
        if known is None or known.settings != settings:
            known = OpenIdProvider(settings, self._outbound, self._clock)
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[provider.id] = known
        return known

    def comes_back_to(self, provider: str) -> str:
        """The address to register at the provider."""
        base = self._options.base_url.rstrip("/")
        return f"{base}{PATH}/{self._options.domain}/{provider}"

    async def sent(self, name: str, continuation: Continuation) -> tuple[str, str]:
        """Where to send a browser, and the cookie that it has to bring back.

        Raises ``ProviderNotFound``, ``ProviderUnreachable``, ``ProviderInvalid``.
        """
        provider = await self._providers.usable(name)
        settings = _settings(provider)
        state, nonce, verifier = (self._ids.secret(SECRET_BYTES) for _ in range(3))
        verifier = f"{verifier:-<43}"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        fields = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self.comes_back_to(name),
            "scope": " ".join(settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if "login" in continuation.fields.get("prompt", "").split():
            fields["prompt"] = "login"
        if wanted(continuation.acr_values) is not Assurance.SINGLE and provider.trust_second_factor:
            fields["acr_values"] = continuation.acr_values
        address = await self.asked(provider).address(fields)
        asked = AskedElsewhere(
            id=hashed(state),
            provider=name,
            continuation=continuation,
            browser="",  # whoever has the cookie is the one
            nonce=nonce,
            verifier=verifier,
            expires_ms=self._clock.now_ms() + LASTS_S * 1000,
        )
        cookie = self._sealing.seal(msgspec.json.encode(asked), self._place(asked.id))
        if len(cookie) > LONGEST_COOKIE:
            raise PermanentError(
                "InvalidEntity", "The request is too long to be taken to another provider."
            )
        return address, cookie

    async def taken(self, name: str, state: str, cookie: str) -> AskedElsewhere:
        """What a browser was sent with, which is spent now; raises ``SignInOver``."""
        try:
            plain = self._sealing.unseal(cookie, self._place(hashed(state)))
            asked = msgspec.json.decode(plain, type=AskedElsewhere)
        except (PermanentError, msgspec.MsgspecError) as error:
            raise _over() from error
        if asked.provider != name or self._clock.now_ms() >= asked.expires_ms:
            raise _over()
        spent = SpentAssertion(id=asked.id, expires_ms=asked.expires_ms)
        try:
            await self._store.commit([self._spent.absent(spent.id)], self._spent.put(spent))
        except GuardFailed as error:
            raise _over() from error
        return asked

    def _place(self, state: str) -> str:
        return f"{self._options.tenant}/elsewhere/{state}"

    async def back(self, asked: AskedElsewhere, fields: Mapping[str, str]) -> Back:
        """Who has come back with ``fields``.

        Raises ``ProviderRefused``, ``ProviderUnreachable``, ``ProviderInvalid``.
        """
        provider = await self._providers.usable(asked.provider)
        openid = self.asked(provider)
        await openid.refuse_other_issuer(fields.get("iss"))
        if "error" in fields:
            raise PermanentError(
                "ProviderRefused",
                f"{provider.title} signs nobody in ({_plain(fields['error'])}).",
            )
        if not fields.get("code"):
            raise invalid("it sends no code")
        known = await openid.known()
        now_s = self._clock.now_ms() / 1000
        proof = self._proof.for_tokens(provider.id, openid.settings, known.metadata, now_s)
        sent = Sent(self.comes_back_to(asked.provider), asked.nonce, asked.verifier)
        claims = await openid.claims(fields["code"], sent, proof)
        outsider = outsider_of(openid.settings.issuer, claims, provider.claims)
        person = await self._newcomers.admit(provider, outsider)
        twice = provider.trust_second_factor and outsider.two_factors
        shown = Proof.ELSEWHERE_TWICE if twice else Proof.ELSEWHERE
        return Back(asked.continuation, provider, person, shown)

    async def departed(self, name: str, token: str) -> Departed:
        """Whom a provider has signed out; raises ``ProviderInvalid``, ``ProviderUnreachable``.

        A token counts until it is ``used``.
        """
        provider = await self._providers.usable(name)
        openid = self.asked(provider)
        claims = await openid.departed(token)
        said = "\0".join(("logout", provider.id, claims["jti"]))
        until_ms = self._clock.now_ms() + int(2 * LOGOUT_TOKEN_S * 1000)
        spent = SpentAssertion(id=hashed(said), expires_ms=until_ms)
        if await self._spent.get(self._store, spent.id) is not None:
            raise invalid("its token was used before")
        link = await self._providers.link(provider, openid.settings.issuer, claims["sub"])
        return Departed(link.user if link is not None else "", spent)

    async def used(self, departed: Departed) -> None:
        """Its sessions have ended, so its token counts no longer.

        Not before: who is killed between is told again by the provider, and goes on.
        """
        with contextlib.suppress(GuardFailed):  # told twice at once
            spent = departed.spent
            await self._store.commit([self._spent.absent(spent.id)], self._spent.put(spent))

    async def ways_out(self, user: str) -> list[tuple[str, str]]:
        """Where somebody may sign out of the OpenID providers that they have come from."""
        found = []
        for name in await self._providers.names_of(user):
            try:
                provider = await self._providers.usable(name)
                if provider.oidc is not None and (way := await self.asked(provider).way_out()):
                    found.append((provider.title, way))
            except HeliostatError:
                continue  # who can't be asked now is no reason to stay signed in here
        return found


def _settings(provider: Provider) -> OidcSettings:
    if provider.oidc is None:
        raise PermanentError("InvalidOperation", f"{provider.title} speaks no OpenID Connect.")
    return provider.oidc


def _plain(text: str) -> str:
    return "".join(each for each in text if each.isalnum() or each in "_- ")[:60]


def _over() -> PermanentError:
    return PermanentError("SignInOver", "This browser has not just been sent to that provider.")
