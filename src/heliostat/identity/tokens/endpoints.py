"""Sign-in on the wire: tokens and what becomes of them, discovery, keys and trusted roots.

Paths and answers are those that existing clients know: the tenant comes last and
may be left out.  Errors of the token endpoint follow RFC 6749 (5.2), with our
stable ``code`` and ``hint`` added.  Nothing here needs a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.identity.names import subject_of
from heliostat.identity.realms import Realm
from heliostat.identity.records import Grant
from heliostat.identity.site import Identity
from heliostat.identity.tokens.assertions import issuer_of
from heliostat.identity.tokens.browsing import Browsing
from heliostat.identity.tokens.client_authentication import ClientFields
from heliostat.identity.tokens.discovery import openid_configuration, trusted_roots
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.grants import TokenRequest, UnknownGrant
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell
from heliostat.identity.tokens.verify import bearer_of

UNAUTHORIZED = 401
UNKEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_OAUTH_ERRORS = {
    "InvalidLoginCredentials": "invalid_grant",
    "InvalidGrant": "invalid_grant",
    "UnsupportedGrant": "unauthorized_client",
    "InvalidClient": "invalid_client",
    "InvalidScope": "invalid_scope",
    "MalformedAuthToken": "invalid_token",
    "InvalidAuthToken": "invalid_token",
    "ExpiredAuthToken": "invalid_token",
    "TooManyRequests": "temporarily_unavailable",
}


async def _tell_nobody(_request: web.Request, _attempt: SignIn) -> None:
    """For those who keep no record."""


def routes(identity: Identity, tell: Tell = _tell_nobody) -> list[web.RouteDef]:
    """The routes to add to the controller's application.

    ``tell`` hears of every attempt to sign in, granted or not, before it is answered.
    """
    wire = _Wire(identity, tell)
    configuration = ".well-known/openid-configuration"
    both = [
        (web.post, "token", wire.token),
        (web.post, "introspect", wire.introspect),
        (web.post, "revoke", wire.revoke),
        (web.get, "userinfo", wire.userinfo),
        (web.post, "userinfo", wire.userinfo),
    ]
    return [
        *(method(f"/openidconnect/{name}", each) for method, name, each in both),
        *(method(f"/openidconnect/{name}/{{tenant}}", each) for method, name, each in both),
        web.get("/openidconnect/jwks", wire.jwks),
        web.get("/openidconnect/jwks/{tenant}", wire.jwks),
        web.get(f"/openidconnect/{configuration}", wire.configuration),
        web.get(f"/openidconnect/{{tenant}}/{configuration}", wire.configuration),
        web.get("/afd/vecs/ssl", wire.roots),
        *Browsing(identity.realms, identity.ids, identity.options.domain, tell).routes(),
    ]


class _Wire:
    def __init__(self, identity: Identity, tell: Tell) -> None:
        self._identity = identity
        self._tell = tell

    async def token(self, request: web.Request) -> web.StreamResponse:
        asked: TokenRequest | None = None
        realm = self._identity.realms.system
        try:
            realm = await self._realm(request)
            asked = _token_request(await fields_of(request))
            answer = await realm.grants.answer(asked)
        except HeliostatError as error:
            await self._told(request, realm, asked, error)
            return _refusal(error)
        await self._told(request, realm, asked, None, _subject(answer.access_token))
        return web.json_response(msgspec.to_builtins(answer), headers=UNKEPT)

    async def introspect(self, request: web.Request) -> web.StreamResponse:
        """Whether a token counts (RFC 7662); only service accounts may ask."""
        try:
            realm = await self._realm(request)
            fields = await fields_of(request)
            await realm.clients.proven(_client_fields(fields))
            answer = await realm.standing.introspect(_token(fields))
        except HeliostatError as error:
            return _refusal(error)
        return web.json_response(answer, headers=UNKEPT)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End a token's session (RFC 7009); 200 for tokens that mean nothing, too."""
        try:
            realm = await self._realm(request)
            fields = await fields_of(request)
            client = await realm.clients.client(_client_fields(fields))
            await realm.standing.revoke(_token(fields), client)
        except HeliostatError as error:
            return _refusal(error)
        return web.Response(headers=UNKEPT)

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Claims about the bearer of an access token."""
        try:
            realm = await self._realm(request)
            bearer = bearer_of(request.headers.get("Authorization"))
            answer = await realm.standing.userinfo(bearer)
        except HeliostatError as error:
            return _refused_bearer(error)
        return web.json_response(answer, headers=UNKEPT)

    async def _told(
        self,
        request: web.Request,
        realm: Realm,
        asked: TokenRequest | None,
        error: HeliostatError | None,
        subject: str = "",
    ) -> None:
        """Renewing a session is no sign-in, so only its refusal is told."""
        grant = asked.grant_type if asked is not None else ""
        if grant == Grant.REFRESH and error is None:
            return
        if not subject and asked is not None and asked.username:
            stored = await realm.directory.find_user(asked.username)
            domain = realm.options.domain
            subject = subject_of(stored.value.name, domain) if stored is not None else ""
        client = asked.client_id[:80] if asked is not None else ""
        if asked is not None and error is None and asked.client_assertion:
            client = issuer_of(asked.client_assertion)
        await self._tell(request, SignIn(grant, subject, client, error))

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        async def answer(realm: Realm) -> object:
            return await realm.keys.jwks()

        return await self._public(request, answer)

    async def configuration(self, request: web.Request) -> web.StreamResponse:
        async def answer(realm: Realm) -> object:
            return openid_configuration(realm.options)

        return await self._public(request, answer)

    async def roots(self, request: web.Request) -> web.StreamResponse:
        async def answer(_realm: Realm) -> object:
            return trusted_roots(self._identity.authority.ca_pem)

        return await self._public(request, answer)

    async def _public(
        self, request: web.Request, answer: Callable[[Realm], Awaitable[object]]
    ) -> web.StreamResponse:
        try:
            body = await answer(await self._realm(request))
        except HeliostatError as error:
            return _refusal(error)
        return web.json_response(body, headers={"Cache-Control": "max-age=60"})

    async def _realm(self, request: web.Request) -> Realm:
        return await self._identity.realms.get(
            request.match_info.get("tenant", self._identity.options.domain)
        )


def _subject(token: str) -> str:
    """Whom a token is about that was just given."""
    return str(unverified(token)[1].get("sub", ""))


def _token_request(fields: dict[str, str]) -> TokenRequest:
    known = {name: fields[name] for name in TokenRequest.__struct_fields__ if name in fields}
    if not known.get("grant_type"):
        raise PermanentError("InvalidEntity", "The field grant_type is missing.")
    return TokenRequest(**known)


def _client_fields(fields: dict[str, str]) -> ClientFields:
    known = {name: fields[name] for name in ClientFields.__struct_fields__ if name in fields}
    return ClientFields(**known)


def _token(fields: dict[str, str]) -> str:
    if not fields.get("token"):
        raise PermanentError("InvalidEntity", "The field token is missing.")
    return fields["token"]


def _refused_bearer(error: HeliostatError) -> web.Response:
    """A refusal of a request that brings its token in a header (RFC 6750, 3)."""
    answer = _refusal(error)
    if error.code == "MissingAuthToken":
        answer.headers["WWW-Authenticate"] = "Bearer"
    elif error.code == "InvalidScope":
        answer.set_status(403)
        answer.headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope", scope="openid"'
    elif error.status == UNAUTHORIZED or error.code == "MalformedAuthToken":
        answer.set_status(UNAUTHORIZED)
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


def _refusal(error: HeliostatError) -> web.Response:
    fallback = "server_error" if error.status >= 500 else "invalid_request"
    name = _OAUTH_ERRORS.get(error.code, fallback)
    if isinstance(error, UnknownGrant):
        name = "unsupported_grant_type"
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, TemporaryError):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return web.json_response(
        {
            "error": name,
            "error_description": error.message,
            "code": error.code,
            "hint": error.hint,
        },
        status=error.status,
        headers=headers,
    )
