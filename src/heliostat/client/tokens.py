"""The token service: finds it, and trades passwords, refresh tokens and keys for tokens.

``GET /v1/system/auth`` names endpoint, port and domain; tokens come from
``/openidconnect/token/<domain>`` there, as OAuth forms; who is of another domain
(``name@domain``) signs in there.  Errors of that service
have OAuth's own shape and are mapped here.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from heliostat.client.calls import path_of
from heliostat.client.faults import InvalidAnswer, ServerError, refusal
from heliostat.client.negotiation import Negotiation
from heliostat.client.signing import KeyTool, algorithm_of, base64url, key_tool, signature
from heliostat.client.target import Target
from heliostat.client.transport import Request, Transport
from heliostat.core.deferred import deferred
from heliostat.core.errors import HeliostatError
from heliostat.wire.system import AuthInfo

if TYPE_CHECKING:
    import httpx
else:
    httpx = deferred("httpx")

CLIENT_ID = "helio"
NAMELESS = ""
"""The client without an id, of which existing command lines are: the one that takes passwords."""
SCOPE = "openid offline_access rs_esxcloud at_groups"
KEY_SCOPE = "openid rs_esxcloud at_groups"
TICKET_GRANT = "urn:heliostat:grant-type:kerberos"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ASSERTION_LIFETIME_S = 60
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_OAUTH_CODES = {
    "invalid_grant": "InvalidGrant",
    "invalid_client": "InvalidClient",
    "unauthorized_client": "UnsupportedGrant",
    "unsupported_grant_type": "UnsupportedGrant",
    "invalid_scope": "InvalidScope",
    "authorization_pending": "AuthorizationPending",
    "slow_down": "SlowDown",
    "access_denied": "SignInDenied",
    "expired_token": "DeviceCodeExpired",
}


class Grant(msgspec.Struct, frozen=True):
    """What the token service answers; ``expires_in`` in seconds."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a kind, not a secret
    refresh_token: str = ""
    id_token: str = ""


class DeviceCode(msgspec.Struct, frozen=True, kw_only=True):
    """What to show (``user_code`` at ``verification_uri``) and what to poll with, in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    verification_uri_complete: str = ""
    interval: int = 5


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What a service account signs in with; ``client_id`` may be ``name@domain``.

    With ``certificate_pem`` (the account's own first) it proves itself by that.
    """

    client_id: str
    private_pem: str
    certificate_pem: str = ""


class _Refusal(msgspec.Struct):
    """RFC 6749 (5.2); ``code`` and ``hint`` are this platform's addition."""

    error: str
    error_description: str = ""
    code: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where tokens are given: what to send to, and what the service calls itself."""

    url: str
    audience: str


class TokenService:
    """The token service of one controller."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._told: AuthInfo | None = None

    def by_password(self, user: str, password: str) -> Grant:
        """Raises ``UnsupportedGrant`` where passwords are taken by browsers alone."""
        form = {"grant_type": "password", "username": user, "password": password}
        return self._ask(form, domain_of(user), NAMELESS)

    def by_refresh(self, refresh_token: str) -> Grant:
        """By the client that the token was given to."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._ask(form, issuing_domain(refresh_token), issuing_client(refresh_token))

    def by_key(self, key: ServiceKey, tool: KeyTool | None = None) -> Grant:
        domain = domain_of(key.client_id)
        audience = self.endpoint(domain).audience
        form = {
            "grant_type": "client_credentials",
            "client_id": bare_client_id(key),
            "scope": KEY_SCOPE,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": signed_assertion(key, audience, tool or key_tool(), time.time()),
        }
        return self._ask(form, domain)

    def device_code(self, domain: str = "") -> DeviceCode:
        """A code to be typed in somewhere else, for somebody of ``domain``."""
        url = self.endpoint(domain, "device_authorization").url
        response = self._post(url, {"client_id": CLIENT_ID, "scope": SCOPE})
        return self._transport.decode(response, DeviceCode)

    def by_device_code(self, device_code: str, domain: str = "") -> Grant:
        """The tokens once somebody has allowed it; raises ``AuthorizationPending`` until then."""
        return self._ask({"grant_type": DEVICE_GRANT, "device_code": device_code}, domain)

    def by_ticket(self, domain: str = "") -> Grant:
        """For who has a Kerberos ticket; raises ``TicketNeeded`` and ``KerberosRefused``."""
        url = self.endpoint(domain).url
        told = self._told.endpoint if self._told is not None else ""
        target = self._transport.target
        reached = url if url.startswith("https:") else "" if target.socket else target.url
        shown = Negotiation(urlsplit(reached).hostname or told)
        form = {"client_id": CLIENT_ID, "scope": SCOPE, "grant_type": TICKET_GRANT}
        response = self._post(url, form, {"Authorization": shown.header})
        shown.finish(response.headers.get("WWW-Authenticate", ""))
        return self._transport.decode(response, Grant)

    def revoke(self, refresh_token: str) -> None:
        """End the session of a refresh token."""
        url = self.endpoint(issuing_domain(refresh_token), "revoke").url
        self._post(url, {"token": refresh_token, **_naming(issuing_client(refresh_token))})

    def endpoint(self, domain: str = "", of: str = "token") -> Endpoint:
        """Of a domain (default: the site's); the controller is asked once."""
        if self._told is None:
            request = Request("GET", path_of("getSystemAuth"))
            self._told = self._transport.fetch_unsigned(request, AuthInfo)
        return endpoint_of(self._transport.target, self._told, domain, of)

    def _ask(self, form: Mapping[str, str], domain: str, client: str = CLIENT_ID) -> Grant:
        filled = {**_naming(client), "scope": SCOPE, **form}
        response = self._post(self.endpoint(domain).url, filled)
        return self._transport.decode(response, Grant)

    def _post(
        self, url: str, form: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(more or {})}
        request = Request("POST", url, {}, headers, urlencode(form).encode())
        response = self._transport.send_unsigned(request)
        if not response.is_success:
            raise _refused(self._transport, response)
        return response


def endpoint_of(target: Target, told: AuthInfo, domain: str = "", of: str = "token") -> Endpoint:
    """The endpoint ``of`` tokens of a domain (default: the site's), as the controller tells it.

    One on the controller's own port is the controller itself, whatever name it goes
    by there: it is then asked at the address that this client reaches it by.
    """
    path = f"/openidconnect/{of}/{quote(domain or told.domain, safe='')}"
    if not told.endpoint:
        return Endpoint(path, target.url + path)
    host = f"[{told.endpoint}]" if ":" in told.endpoint else told.endpoint
    named = f"https://{host}:{told.port}{path}"
    own = target.socket or (urlsplit(target.url).port or 443) == told.port
    return Endpoint(path if own else named, named)


def domain_of(name: str) -> str:
    """The domain in ``name@domain`` or ``DOMAIN\\name``; empty where none is named.

    >>> domain_of("alice@acme.example"), domain_of("alice")
    ('acme.example', '')
    """
    before, backslash, _ = name.partition("\\")
    return before if backslash else name.rpartition("@")[2] if "@" in name else ""


def bare_client_id(key: ServiceKey) -> str:
    """As its own domain calls the account."""
    return key.client_id.partition("@")[0]


def issuing_domain(token: str) -> str:
    """The domain that gave a token, as it says itself; empty for what is no such token."""
    tenant = _claims_of(token).get("tenant")
    return tenant if isinstance(tenant, str) else ""


def issuing_client(token: str) -> str:
    """The client that a token was given to, as it says itself; ours for what is no such token."""
    claims = _claims_of(token)
    client = claims.get("client_id", NAMELESS if claims else CLIENT_ID)
    return client if isinstance(client, str) else CLIENT_ID


def _claims_of(token: str) -> dict[str, object]:
    """What a token says, proven by nothing; nothing for what is none."""
    payload = f"{token}..".split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _naming(client: str) -> dict[str, str]:
    return {"client_id": client} if client else {}


def signed_assertion(key: ServiceKey, audience: str, tool: KeyTool, now_s: float) -> str:
    """A ``private_key_jwt`` (RFC 7523) that is good for one use within a minute."""
    issued = int(now_s)
    claims = {
        "iss": bare_client_id(key),
        "sub": bare_client_id(key),
        "aud": audience,
        "iat": issued,
        "exp": issued + ASSERTION_LIFETIME_S,
        "jti": str(uuid.uuid4()),
    }
    algorithm = algorithm_of(tool, key.private_pem)
    header: dict[str, object] = {"alg": algorithm, "typ": "JWT"}
    if key.certificate_pem:
        header["x5c"] = [_first_block(key.certificate_pem)]
    parts = [json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(base64url(part) for part in parts)
    return f"{signed}.{signature(tool, key.private_pem, algorithm, signed.encode())}"


def _first_block(pem: str) -> str:
    """The first certificate of a PEM file as a header shows it (RFC 7515, 4.1.6)."""
    found = _CERTIFICATE.search(pem)
    if found is None:
        raise HeliostatError(
            "InvalidSetting",
            "The certificate to sign in with is none in PEM form.",
            hint="`helio identity certificate issue CSR --account NAME --out FILE` writes one.",
        )
    return "".join(found[1].split())


def _refused(transport: Transport, response: httpx.Response) -> HeliostatError:
    try:
        body = msgspec.json.decode(response.content, type=_Refusal)
    except msgspec.MsgspecError:
        return refusal(transport.target, response)
    code = body.code or _OAUTH_CODES.get(body.error)
    if code is None:
        return InvalidAnswer(transport.target, f"the token service says {body.error}")
    told = body.error_description.rstrip(".") or "The token service refused"
    return ServerError(response.status_code, code, f"{told}.", body.hint, {})
