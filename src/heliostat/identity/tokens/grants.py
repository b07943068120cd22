"""The token endpoint's decisions: from a request to tokens, by grant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.named import BUILT_IN, HELIO
from heliostat.identity.clients.records import Client, Grant
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.claims import Bearer, SignInEvent, TokenClass
from heliostat.identity.tokens.client_authentication import ClientAuthentication
from heliostat.identity.tokens.codes import Codes
from heliostat.identity.tokens.departures import wants_to_be_told
from heliostat.identity.tokens.devices import Devices
from heliostat.identity.tokens.exchange import Exchange
from heliostat.identity.tokens.holds import credential_stamp
from heliostat.identity.tokens.issuing import Issuing, bearer_of
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.opened import opened
from heliostat.identity.tokens.records import Code, DeviceRequest, Session
from heliostat.identity.tokens.scopes import Scope, parse, permitted
from heliostat.identity.tokens.sessions import Sessions
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest, UnknownGrant

_GRANTS = frozenset(Grant)

RefuseAlone = Callable[[Person], Awaitable[None]]
"""Raises ``SecondFactorRequired`` for somebody of whom a password alone is not enough."""


class Grants:
    """Answers token requests."""

    def __init__(
        self,
        people: Everybody,
        clock: Clock,
        options: IdentityOptions,
        keys: SigningKeys,
        issuing: Issuing,
        sessions: Sessions,
        clients: ClientAuthentication,
        codes: Codes,
        devices: Devices,
        exchange: Exchange,
        refuse_alone: RefuseAlone,
    ) -> None:
        self._people = people
        self._clock = clock
        self._options = options
        self._keys = keys
        self._issuing = issuing
        self._sessions = sessions
        self._clients = clients
        self._codes = codes
        self._devices = devices
        self._exchange = exchange
        self._refuse_alone = refuse_alone

    async def answer(self, request: TokenRequest, shown: Person | None = None) -> TokenAnswer:
        """The tokens, for ``shown`` where a header has proven who asks.

        Raises ``InvalidClient``, ``InvalidGrant``, ``UnsupportedGrant``, ``InvalidScope``,
        ``InvalidLoginCredentials``, ``TicketNeeded``, ``TooManyRequests``.
        """
        if request.grant_type not in _GRANTS:
            raise UnknownGrant(request.grant_type)
        client, credential = await self._clients.credentialed(request)
        own = request.grant_type == Grant.TICKET and client.name == HELIO
        if request.grant_type not in client.grants and not own:
            raise _not_granted(client, request.grant_type)
        match Grant(request.grant_type):
            case Grant.PASSWORD:
                return await self._password(request, client)
            case Grant.REFRESH:
                return await self._refresh(request, client)
            case Grant.CLIENT_CREDENTIALS:
                return await self._account(request, client, credential)
            case Grant.AUTHORIZATION_CODE:
                return await self._code(request, client)
            case Grant.DEVICE:
                return await self._device(request, client)
            case Grant.TICKET:
                return await self._ticket(request, client, shown)
            case Grant.EXCHANGE:
                return await self._exchanged(request, client)

    async def _password(self, request: TokenRequest, client: Client) -> TokenAnswer:
        scope = permitted(request.scope, client.scopes)
        person = await self._people.authenticate(request.username, request.password)
        return await self._alone(person, client, scope)

    async def _ticket(
        self, request: TokenRequest, client: Client, shown: Person | None
    ) -> TokenAnswer:
        scope = permitted(request.scope, client.scopes)
        if shown is None:
            raise PermanentError("TicketNeeded", "The request shows no Kerberos ticket.")
        return await self._alone(shown, client, scope)

    async def _alone(self, person: Person, client: Client, scope: Scope) -> TokenAnswer:
        """For who has shown one thing, if that is enough."""
        await self._refuse_alone(person)
        session = None
        if scope.refresh_token and Grant.REFRESH in client.grants:
            session = await self._sessions.open(person, client, str(scope))
        return await self._issuing.tokens(bearer_of(person), client, scope, session)

    async def _refresh(self, request: TokenRequest, client: Client) -> TokenAnswer:
        now_s = self._clock.now_ms() / 1000
        try:
            claims = await opened(
                request.refresh_token, self._keys, self._options, TokenClass.REFRESH, now_s
            )
        except PermanentError as error:
            raise PermanentError("InvalidGrant", error.message) from error
        session, scope = await self._sessions.resume(claims, client, request.scope)
        person = await self._people.person(session.user)
        if person is None or person.stamp != session.stamp:
            await self._sessions.end(session)
            raise PermanentError("InvalidGrant", "The session has ended.")
        next_session = session if client.rotate_refresh else None
        event = None
        if session.signed_in_ms:  # what was shown then is not shown again by refreshing
            event = SignInEvent("", session.signed_in_ms // 1000, session.proofs)
        return await self._issuing.tokens(bearer_of(person), client, scope, next_session, event)

    async def _code(self, request: TokenRequest, client: Client) -> TokenAnswer:
        async def opens(code: Code) -> tuple[Person, Session | None]:
            person = await self._people.person(code.user)
            if person is None or person.stamp != code.stamp:
                raise PermanentError("InvalidGrant", "Whom the code is about signs in no longer.")
            scope = parse(code.scope)
            refreshes = scope.refresh_token and Grant.REFRESH in client.grants
            if not refreshes and not wants_to_be_told(client):
                return person, None
            at_ms, browser = code.signed_in_ms, code.browser
            session = self._sessions.begun(
                person, client, str(scope), at_ms, browser, refreshes=refreshes
            )
            session = _shown(session, at_ms, code.proofs)
            over = session.expires_ms <= self._clock.now_ms()
            return person, None if over else session

        redeemed = await self._codes.redeem(
            request.code, client, request.redirect_uri, request.code_verifier, opens
        )
        code, person = redeemed.code, redeemed.person
        event = SignInEvent(code.nonce, code.signed_in_ms // 1000, code.proofs)
        scope = parse(code.scope)
        return await self._issuing.tokens(bearer_of(person), client, scope, redeemed.session, event)

    async def _device(self, request: TokenRequest, client: Client) -> TokenAnswer:
        """Its session is no browser's: who signs out of one elsewhere keeps the machine."""

        async def opens(asked: DeviceRequest) -> tuple[Person, Session | None]:
            person = await self._people.person(asked.user)
            if person is None or person.stamp != asked.stamp:
                raise PermanentError("InvalidGrant", "Who has allowed it signs in no longer.")
            scope = parse(asked.scope)
            if not scope.refresh_token or Grant.REFRESH not in client.grants:
                return person, None
            begun = self._sessions.begun(person, client, str(scope), self._clock.now_ms())
            return person, _shown(begun, asked.signed_in_ms, asked.proofs)

        agreed = await self._devices.redeem(request.device_code, client, opens)
        asked = agreed.request
        event = SignInEvent("", asked.signed_in_ms // 1000, asked.proofs)
        scope = parse(asked.scope)
        return await self._issuing.tokens(
            bearer_of(agreed.person), client, scope, agreed.session, event
        )

    async def _account(self, request: TokenRequest, client: Client, credential: str) -> TokenAnswer:
        scope = permitted(request.scope, client.scopes)
        account = await self._people.account(client.name)
        unneeded = {"openid", "offline_access", "profile", "email"}
        kept = Scope(tuple(value for value in scope.values if value not in unneeded))
        bearer = Bearer(account.subject, account.groups, stamp=credential_stamp(credential))
        return await self._issuing.tokens(bearer, client, kept, None)

    async def _exchanged(self, request: TokenRequest, client: Client) -> TokenAnswer:
        return await self._issuing.exchanged(await self._exchange.decide(request, client), client)


def _not_granted(client: Client, grant: str) -> PermanentError:
    """A grant that the client's settings do not have, with the way that is open instead."""
    if grant != Grant.PASSWORD or client.name not in BUILT_IN:
        return PermanentError("UnsupportedGrant", f"This client may not use the grant {grant}.")
    if client.name == HELIO:
        hint = "Run `helio login --device`; newer command lines send passwords without a client id."
        return PermanentError(
            "UnsupportedGrant", f"The client {HELIO} takes no passwords.", hint=hint
        )
    return PermanentError(
        "UnsupportedGrant",
        "Passwords are taken by no command line here.",
        hint="Sign in with a browser: `helio login`.",
    )


def _shown(session: Session, at_ms: int, proofs: tuple[str, ...]) -> Session:
    """A session that remembers what was shown when it was begun."""
    return msgspec.structs.replace(session, signed_in_ms=at_ms, proofs=proofs)
