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
from heliostat.identity.account.account_page import AccountPage
from heliostat.identity.federation.federate import Federating
from heliostat.identity.kerberos import negotiate
from heliostat.identity.kerberos.acceptor import Accepted
from heliostat.identity.names import fold, subject_of
from heliostat.identity.realms import Realm
from heliostat.identity.records import Grant
from heliostat.identity.saml.endpoints import SamlEndpoints
from heliostat.identity.saml.trust_endpoints import TrustEndpoints
from heliostat.identity.site import Identity
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens.assertions import issuer_of
from heliostat.identity.tokens.authorization import SendBack
from heliostat.identity.tokens.browsing import Browsing
from heliostat.identity.tokens.client_authentication import ClientFields, with_header
from heliostat.identity.tokens.described import described
from heliostat.identity.tokens.device_pages import DevicePages
from heliostat.identity.tokens.discovery import device_page, openid_configuration, trusted_roots
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.grants import TokenAnswer, TokenRequest, UnknownGrant
from heliostat.identity.tokens.opened import unverified
from heliostat.identity.tokens.scopes import permitted
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell
from heliostat.identity.tokens.verify import bearer_of

UNAUTHORIZED = 401
UNKEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_OAUTH_ERRORS = {
    "InvalidLoginCredentials": "invalid_grant",
    "InvalidGrant": "invalid_grant",
    "PasswordChangeNeeded": "invalid_grant",
    "KerberosRefused": "invalid_grant",
    "TicketNeeded": "invalid_grant",
    "KerberosNotEnabled": "unauthorized_client",
    "SecondFactorRequired": "invalid_grant",
    "UnsupportedGrant": "unauthorized_client",
    "InvalidClient": "invalid_client",
    "InvalidScope": "invalid_scope",
    "InvalidTarget": "invalid_target",
    "MalformedAuthToken": "invalid_token",
    "InvalidAuthToken": "invalid_token",
    "ExpiredAuthToken": "invalid_token",
    "AuthorizationPending": "authorization_pending",
    "SlowDown": "slow_down",
    "SignInDenied": "access_denied",
    "DeviceCodeExpired": "expired_token",
    "TooManyRequests": "temporarily_unavailable",
    "SourceUnavailable": "temporarily_unavailable",
    "PasswordExpired": "invalid_grant",
}

_WAITING = frozenset({"AuthorizationPending", "SlowDown"})


async def _tell_nobody(_request: web.Request, _attempt: SignIn) -> None:
    """For those who keep no record."""


def _remote(request: web.Request) -> str:
    """For those whom nobody stands in front of."""
    return request.remote or ""


def routes(
    identity: Identity,
    tell: Tell = _tell_nobody,
    address_of: Callable[[web.Request], str] = _remote,
) -> list[web.RouteDef]:
    """The routes to add to the controller's application.

    ``tell`` hears of every attempt to sign in, granted or not, before it is answered.
    ``address_of`` says where a request comes from, also by way of proxies that are trusted.
    """
    wire = _Wire(identity, tell, address_of)
    configuration = ".well-known/openid-configuration"
    both = [
        (web.post, "token", wire.token),
        (web.post, "introspect", wire.introspect),
        (web.post, "revoke", wire.revoke),
        (web.post, "device_authorization", wire.device_authorization),
        (web.post, "par", wire.push),
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
        *_for_browsers(identity, tell),
    ]


def _for_browsers(identity: Identity, tell: Tell) -> list[web.RouteDef]:
    """What people see; whatever else asks them to sign in is added to ``steps``."""
    realms, ids, domain = identity.realms, identity.ids, identity.options.domain
    steps = SignInSteps(tell)
    step_pages = StepPages(realms, ids, domain, steps, identity.acceptor)
    browsing = Browsing(realms, ids, domain, steps, step_pages)
    devices = DevicePages(realms, ids, domain, steps, step_pages)
    saml = SamlEndpoints(realms, ids, domain, steps, step_pages, tell)
    trust = TrustEndpoints(realms, domain, tell)
    elsewhere = Federating(realms, ids, steps, step_pages)
    account = AccountPage(realms, ids, domain, steps, step_pages)
    parts = (browsing, step_pages, account, devices, elsewhere, saml, trust)
    return [route for each in parts for route in each.routes()]


class _Wire:
    def __init__(
        self, identity: Identity, tell: Tell, address_of: Callable[[web.Request], str]
    ) -> None:
        self._identity = identity
        self._tell = tell
        self._address_of = address_of

    async def token(self, request: web.Request) -> web.StreamResponse:
        asked: TokenRequest | None = None
        realm = self._identity.realms.system
        try:
            realm = await self._realm(request)
            asked = _token_request(await _fields(request))
            shown = await self._shown(request, realm, asked)
            answer = await realm.grants.answer(asked, shown.person if shown else None)
        except HeliostatError as error:
            await self._told(request, realm, asked, error)
            return _refused_grant(error, request, asked)
        await self._told(request, realm, asked, None, _subject(realm, asked, answer))
        proof = negotiate.answered(shown.answer) if shown else {}
        return web.json_response(msgspec.to_builtins(answer), headers={**UNKEPT, **proof})

    async def _shown(
        self, request: web.Request, realm: Realm, asked: TokenRequest
    ) -> Accepted | None:
        """Who shows a ticket with the request, where one is asked for."""
        token = negotiate.token_of(request) if asked.grant_type == Grant.TICKET else None
        if token is None:
            return None
        return await self._identity.acceptor.accept(realm, token, over_tls=request.secure)

    async def device_authorization(self, request: web.Request) -> web.StreamResponse:
        """A machine without a browser begins (RFC 8628, 3.1)."""
        try:
            realm = await self._realm(request)
            fields = await _fields(request)
            client = await realm.clients.client(_client_fields(fields))
            if Grant.DEVICE not in client.grants:
                raise PermanentError("UnsupportedGrant", f"{client.name} may not use device codes.")
            scope = permitted(fields.get("scope", ""), client.scopes)
            begun = await realm.devices.begin(client, str(scope), self._address_of(request))
        except HeliostatError as error:
            return _refusal(error, request)
        page = device_page(realm.options)
        told = {
            "device_code": begun.device_code,
            "user_code": begun.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={begun.user_code}",
            "expires_in": begun.expires_in,
            "interval": begun.interval,
        }
        return web.json_response(told, headers=UNKEPT)

    async def push(self, request: web.Request) -> web.StreamResponse:
        """A client's request ahead of the browser (RFC 9126)."""
        try:
            realm = await self._realm(request)
            fields = await _fields(request)
            client = await realm.clients.client(_client_fields(fields))
            pushed = await realm.pushed.push(client, fields)
        except SendBack as refused:
            told = {"error": refused.error, "error_description": described(refused.description)}
            return web.json_response(told, status=400, headers=UNKEPT)
        except HeliostatError as error:
            return _refusal(error, request)
        answer = {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in}
        return web.json_response(answer, status=201, headers=UNKEPT)

    async def introspect(self, request: web.Request) -> web.StreamResponse:
        """Whether a token counts (RFC 7662); only service accounts may ask."""
        try:
            realm = await self._realm(request)
            fields = await _fields(request)
            await realm.clients.proven(_client_fields(fields))
            answer = await realm.standing.introspect(_token(fields))
        except HeliostatError as error:
            return _refusal(error, request)
        return web.json_response(answer, headers=UNKEPT)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End a token's session (RFC 7009); 200 for tokens that mean nothing, too."""
        try:
            realm = await self._realm(request)
            fields = await _fields(request)
            client = await realm.clients.client(_client_fields(fields))
            await realm.standing.revoke(_token(fields), client)
        except HeliostatError as error:
            return _refusal(error, request)
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
        """Renewing a session is no sign-in, so only its refusal is told; nor is waiting for one."""
        grant = asked.grant_type if asked is not None else ""
        if grant == Grant.REFRESH and error is None:
            return
        if error is not None and error.code in _WAITING:
            return
        if not subject and asked is not None and asked.username:
            subject = await realm.people.subject(asked.username)
        client = asked.client_id[:80] if asked is not None else ""
        if asked is not None and error is None and asked.client_assertion and not client:
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


def _subject(realm: Realm, asked: TokenRequest, answer: TokenAnswer) -> str:
    """Whom a token is about that was just given."""
    if asked.grant_type == Grant.CLIENT_CREDENTIALS and asked.client_id:
        return subject_of(fold(asked.client_id), realm.options.domain)
    return str(unverified(answer.access_token)[1].get("sub", ""))


async def _fields(request: web.Request) -> dict[str, str]:
    """The form's fields, with the client that a header may name."""
    return with_header(await fields_of(request), request.headers.get("Authorization"))


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


def _refused_grant(
    error: HeliostatError, request: web.Request, asked: TokenRequest | None
) -> web.Response:
    """Who may show a ticket is told so in the way that programs understand."""
    answer = _refusal(error, request)
    if asked is not None and asked.grant_type == Grant.TICKET and error.status == UNAUTHORIZED:
        answer.headers.update(negotiate.offered())
    return answer


def _refusal(error: HeliostatError, request: web.Request | None = None) -> web.Response:
    """An error as OAuth spells it; who came with a header is told of the kind of header."""
    fallback = "server_error" if error.status >= 500 else "invalid_request"
    name = _OAUTH_ERRORS.get(error.code, fallback)
    if isinstance(error, UnknownGrant):
        name = "unsupported_grant_type"
    headers = {"Cache-Control": "no-store"}
    if name == "invalid_client" and request is not None and "Authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="token service", charset="UTF-8"'
    if isinstance(error, TemporaryError):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return web.json_response(
        {
            "error": name,
            "error_description": described(error.message),
            "code": error.code,
            "hint": error.hint,
        },
        status=error.status,
        headers=headers,
    )
