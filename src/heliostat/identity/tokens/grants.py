"""The token endpoint's decisions: from a request to tokens, by grant."""

from __future__ import annotations

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.directory.clients import public_id
from heliostat.identity.directory.contract import People, Person
from heliostat.identity.directory.embedded import Directory
from heliostat.identity.records import Client, Code, Grant, Session
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
from heliostat.identity.tokens.client_authentication import ClientAuthentication, ClientFields
from heliostat.identity.tokens.codes import Codes
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.opened import opened
from heliostat.identity.tokens.scopes import Scope, parse
from heliostat.identity.tokens.sessions import Sessions


class TokenRequest(ClientFields, frozen=True, kw_only=True):
    """The fields of the form that a client posts."""

    grant_type: str
    username: str = ""
    password: str = ""
    scope: str = ""
    refresh_token: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the client gets (RFC 6749, 5.1); ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str = ""
    refresh_token: str = ""


class UnknownGrant(PermanentError):
    """A grant that no client has."""

    def __init__(self, grant: str) -> None:
        super().__init__("UnsupportedGrant", f"There is no grant {grant[:80]!r} here.")


class Grants:
    """Answers token requests."""

    def __init__(
        self,
        people: People,
        directory: Directory,
        keys: SigningKeys,
        sessions: Sessions,
        clients: ClientAuthentication,
        codes: Codes,
    ) -> None:
        self._people = people
        self._directory = directory
        self._keys = keys
        self._sessions = sessions
        self._clients = clients
        self._codes = codes
        self._options = directory.options

    async def answer(self, request: TokenRequest) -> TokenAnswer:
        """The tokens, or an error: ``InvalidClient``, ``InvalidGrant``, ``UnsupportedGrant``,
        ``InvalidScope``, ``InvalidLoginCredentials``, ``TooManyRequests``."""
        if request.grant_type not in set(Grant):
            raise UnknownGrant(request.grant_type)
        client = await self._clients.client(request)
        if request.grant_type not in client.grants:
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

    async def _password(self, request: TokenRequest, client: Client) -> TokenAnswer:
        scope = parse(request.scope)
        person = await self._people.authenticate(request.username, request.password)
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
        return await self._tokens(_bearer(person), client, scope, next_session)

    async def _code(self, request: TokenRequest, client: Client) -> TokenAnswer:
        async def opens(code: Code) -> tuple[Person, Session | None]:
            person = await self._people.person(code.user)
            if person is None or person.stamp != code.stamp:
                raise PermanentError("InvalidGrant", "Whom the code is about signs in no longer.")
            scope = parse(code.scope)
            if not scope.refresh_token or Grant.REFRESH not in client.grants:
                return person, None
            at_ms, browser = code.signed_in_ms, code.browser
            session = self._sessions.begun(person, client, str(scope), at_ms, browser)
            over = session.expires_ms <= self._directory.clock.now_ms()
            return person, None if over else session

        redeemed = await self._codes.redeem(
            request.code, client, request.redirect_uri, request.code_verifier, opens
        )
        code, person = redeemed.code, redeemed.person
        event = SignInEvent(code.nonce, code.signed_in_ms // 1000)
        scope = parse(code.scope)
        return await self._tokens(_bearer(person), client, scope, redeemed.session, event)

    async def _account(self, request: TokenRequest, client: Client) -> TokenAnswer:
        scope = parse(request.scope)
        account = await self._people.account(client.name)
        unneeded = {"openid", "offline_access"}
        kept = Scope(tuple(value for value in scope.values if value not in unneeded))
        return await self._tokens(Bearer(account.subject, account.groups), client, kept, None)

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
        occasion = Occasion(bearer, public_id(client), scope, now_s, sid, event)
        refresh = ""
        if session is not None:
            end_s = session.expires_ms // 1000
            refresh = sign(refresh_claims(occasion, options, session.current, end_s), key)
        identity = ""
        if scope.id_token:
            identity = sign(id_claims(occasion, options, new_jti(directory.ids)), key)
        return TokenAnswer(
            access_token=sign(access_claims(occasion, options, new_jti(directory.ids)), key),
            token_type="Bearer",  # noqa: S106 - a kind of token
            expires_in=int(options.lifetimes.access_s),
            scope=str(scope),
            id_token=identity,
            refresh_token=refresh,
        )


def _bearer(person: Person) -> Bearer:
    return Bearer(person.subject, person.groups, person.given_name, person.family_name)
