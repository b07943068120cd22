"""Refusals of the token service, as OAuth spells them, with our stable ``code`` and ``hint`` added.

Errors of the token endpoint follow RFC 6749 (5.2), those of a bearer RFC 6750 (3).
"""

from __future__ import annotations

from aiohttp import web

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.identity.clients.records import Grant
from heliostat.identity.kerberos import negotiate
from heliostat.identity.tokens.described import described
from heliostat.identity.tokens.token_messages import TokenRequest, UnknownGrant

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


def refused_bearer(error: HeliostatError) -> web.Response:
    """A refusal of a request that brings its token in a header (RFC 6750, 3)."""
    answer = refusal(error)
    if error.code == "MissingAuthToken":
        answer.headers["WWW-Authenticate"] = "Bearer"
    elif error.code == "InvalidScope":
        answer.set_status(403)
        answer.headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope", scope="openid"'
    elif error.status == UNAUTHORIZED or error.code == "MalformedAuthToken":
        answer.set_status(UNAUTHORIZED)
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


def refused_grant(
    error: HeliostatError, request: web.Request, asked: TokenRequest | None
) -> web.Response:
    """Who may show a ticket is told so in the way that programs understand."""
    answer = refusal(error, request)
    if asked is not None and asked.grant_type == Grant.TICKET and error.status == UNAUTHORIZED:
        answer.headers.update(negotiate.offered())
    return answer


def refusal(error: HeliostatError, request: web.Request | None = None) -> web.Response:
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
