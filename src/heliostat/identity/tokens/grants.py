"""The token endpoint's decisions: from a request to tokens, by grant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.clients import HELIO, public_id
from heliostat.identity.directory.contract import Person
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.names import bare_name, fold
from heliostat.identity.options import IdentityOptions
from heliostat.identity.records import Client, Code, DeviceRequest, Grant, Session
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.claims import (
    Bearer,
    Occasion,
    SignInEvent,
    TokenClass,
    access_claims,
    id_claims,
    new_jti,
    refresh_claims,
    sign,
)
from heliostat.identity.tokens.client_authentication import ClientAuthentication
from heliostat.identity.tokens.codes import Codes
from heliostat.identity.tokens.departures import wants_to_be_told
from heliostat.identity.tokens.devices import Devices
from heliostat.identity.tokens.exchange import ACCESS_TOKEN, Exchange, ExchangeFields
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.opened import opened
from heliostat.identity.tokens.scopes import Scope, parse, permitted
from heliostat.identity.tokens.sessions import Sessions


class TokenRequest(ExchangeFields, frozen=True, kw_only=True):
    """The fields of the form that a client posts."""

    grant_type: str
    username: str = ""
    password: str = ""
    refresh_token: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    device_code: str = ""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the client gets (RFC 6749, 5.1); ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str = ""
    refresh_token: str = ""
    issued_token_type: str = ""


class UnknownGrant(PermanentError):
    """A grant that no client has."""

    def __init__(self, grant: str) -> None:
        super().__init__("UnsupportedGrant", f"There is no grant {grant[:80]!r} here.")


RefuseAlone = Callable[[Person], Awaitable[None]]
"""Raises ``SecondFactorRequired`` for somebody of whom a password alone is not enough."""


class Grants:
    """Answers token requests."""

    def __init__(
        self,
        people: Everybody,
        directory: Directory,
        keys: SigningKeys,
        sessions: Sessions,
        clients: ClientAuthentication,
        codes: Codes,
        devices: Devices,
        exchange: Exchange,
        refuse_alone: RefuseAlone,
    ) -> None:
        self._people = people
        self._directory = directory
        self._keys = keys
        self._sessions = sessions
        self._clients = clients
        self._codes = codes
        self._devices = devices
        self._exchange = exchange
        self._refuse_alone = refuse_alone
        self._options = directory.options

    async def answer(self, request: TokenRequest, shown: Person | None = None) -> TokenAnswer:
        """The tokens, for ``shown`` where a header has proven who asks.

        Raises ``InvalidClient``, ``InvalidGrant``, ``UnsupportedGrant``, ``InvalidScope``,
        ``InvalidLoginCredentials``, ``TicketNeeded``, ``TooManyRequests``.
        """
        if request.grant_type not in set(Grant):
            raise UnknownGrant(request.grant_type)
        client = await self._clients.client(request)
        own = request.grant_type == Grant.TICKET and client.name == HELIO
        if request.grant_type not in client.grants and not own:
            raise PermanentError(
                "UnsupportedGrant", f"This client may not use the grant {request.grant_type}."
            )
        match Grant(request.grant_type):
            case Grant.PASSWORD:
                return await self._password(request, client)
            case Grant.REFRESH:
                return await self._refresh(request, client)
            case Grant.CLIENT_CREDENTIALS:
                return await self._account(request, client)
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
        return await self._tokens(_bearer(person), client, scope, session)

    async def _refresh(self, request: TokenRequest, client: Client) -> TokenAnswer:
        now_s = self._directory.clock.now_ms() / 1000
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
        return await self._tokens(_bearer(person), client, scope, next_session, event)

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
            over = session.expires_ms <= self._directory.clock.now_ms()
            return person, None if over else session

        redeemed = await self._codes.redeem(
            request.code, client, request.redirect_uri, request.code_verifier, opens
        )
        code, person = redeemed.code, redeemed.person
        event = SignInEvent(code.nonce, code.signed_in_ms // 1000, code.proofs)
        scope = parse(code.scope)
        return await self._tokens(_bearer(person), client, scope, redeemed.session, event)

    async def _device(self, request: TokenRequest, client: Client) -> TokenAnswer:
        """Its session is no browser's: who signs out of one elsewhere keeps the machine."""

        async def opens(asked: DeviceRequest) -> tuple[Person, Session | None]:
            person = await self._people.person(asked.user)
            if person is None or person.stamp != asked.stamp:
                raise PermanentError("InvalidGrant", "Who has allowed it signs in no longer.")
            scope = parse(asked.scope)
            if not scope.refresh_token or Grant.REFRESH not in client.grants:
                return person, None
            begun = self._sessions.begun(person, client, str(scope), self._directory.clock.now_ms())
            return person, _shown(begun, asked.signed_in_ms, asked.proofs)

        agreed = await self._devices.redeem(request.device_code, client, opens)
        asked = agreed.request
        event = SignInEvent("", asked.signed_in_ms // 1000, asked.proofs)
        scope = parse(asked.scope)
        return await self._tokens(_bearer(agreed.person), client, scope, agreed.session, event)

    async def _account(self, request: TokenRequest, client: Client) -> TokenAnswer:
        scope = permitted(request.scope, client.scopes)
        account = await self._people.account(client.name)
        unneeded = {"openid", "offline_access", "profile", "email"}
        kept = Scope(tuple(value for value in scope.values if value not in unneeded))
        return await self._tokens(Bearer(account.subject, account.groups), client, kept, None)

    async def _exchanged(self, request: TokenRequest, client: Client) -> TokenAnswer:
        """Its groups are those of now; it ends no later than the token that it came of."""
        new = await self._exchange.decide(request, client)
        key = await self._keys.signer(client.algorithm)
        now_s = self._directory.clock.now_ms() // 1000
        life_s = min(access_lifetime_s(client, self._options), new.ends_s - now_s)
        if life_s <= 0:
            raise PermanentError("InvalidEntity", "The subject token has expired.")
        occasion = Occasion(
            await self._told_of(await self._bearer_of(new.subject), new.scope),
            public_id(client),
            new.scope,
            now_s,
            new.session,
            life_s=life_s,
            exchanged=True,
            act=new.act,
        )
        claims = access_claims(occasion, self._options, new_jti(self._directory.ids))
        return TokenAnswer(
            access_token=sign(claims, key),
            token_type="Bearer",  # noqa: S106 - a kind of token
            expires_in=life_s,
            scope=str(new.scope),
            issued_token_type=ACCESS_TOKEN,
        )

    async def _told_of(self, bearer: Bearer, scope: Scope) -> Bearer:
        """With the groups that matter to the resource servers, where only those are asked for."""
        if not scope.filtered:
            return bearer
        kept: set[str] = set()
        for server in scope.resource_servers:
            names = await self._filter_of(server.removeprefix("rs_"))
            if not names:
                return bearer
            kept |= {fold(each) for each in names}
        groups = [each for each in bearer.groups if {fold(each), fold(_bare(each))} & kept]
        return replace(bearer, groups=tuple(groups))

    async def _filter_of(self, name: str) -> tuple[str, ...]:
        """The groups that matter to the resource server of this name; empty: all."""
        directory = self._directory
        stored = await directory.kinds.clients.get(directory.store, fold(name))
        return stored.value.group_filter if stored is not None else ()

    async def _bearer_of(self, subject: str) -> Bearer:
        """Whom a token that counts is about: a person, or a service account."""
        person = await self._people.named(subject)
        if person is not None:
            return _bearer(person)
        account = await self._people.account(bare_name(subject, self._options.domain) or "")
        return Bearer(account.subject, account.groups)

    async def _tokens(
        self,
        bearer: Bearer,
        client: Client,
        scope: Scope,
        session: Session | None,
        event: SignInEvent | None = None,
    ) -> TokenAnswer:
        directory, options = self._directory, self._options
        key = await self._keys.signer(client.algorithm)
        now_s = directory.clock.now_ms() // 1000
        sid = session.id if session else ""
        life_s = access_lifetime_s(client, options)
        about = await self._told_of(bearer, scope)
        occasion = Occasion(about, public_id(client), scope, now_s, sid, event, life_s)
        refresh = ""
        if session is not None and session.current:
            end_s = session.expires_ms // 1000
            refresh = sign(refresh_claims(occasion, options, session.current, end_s), key)
        identity = ""
        if scope.id_token:
            identity = sign(id_claims(occasion, options, new_jti(directory.ids)), key)
        return TokenAnswer(
            access_token=sign(access_claims(occasion, options, new_jti(directory.ids)), key),
            token_type="Bearer",  # noqa: S106 - a kind of token
            expires_in=life_s,
            scope=str(scope),
            id_token=identity,
            refresh_token=refresh,
        )


def access_lifetime_s(client: Client, options: IdentityOptions) -> int:
    """How long its access tokens live: as the client is set, and no longer than the tenant's."""
    tenants = int(options.lifetimes.access_s)
    return min(client.access_s or tenants, tenants)


def _bare(group: str) -> str:
    return group.rpartition("\\")[2]


def _shown(session: Session, at_ms: int, proofs: tuple[str, ...]) -> Session:
    """A session that remembers what was shown when it was begun."""
    return msgspec.structs.replace(session, signed_in_ms=at_ms, proofs=proofs)


def _bearer(person: Person) -> Bearer:
    names = (person.given_name, person.family_name, person.email)
    return Bearer(person.subject, person.groups, *names)
