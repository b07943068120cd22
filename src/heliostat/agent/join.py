"""Joining a platform with a one-time token.

The token names the controller, its certificate authority and a secret.  The
secret is sent only over TLS that was verified against exactly that authority.
The private key is made here and never leaves this host.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from heliostat.agent.credentials import Credentials, new_key, signing_request
from heliostat.agentlink.client import redeem
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write

PREFIX = "hjt1."
Redeem = Callable[[str, ssl.SSLContext, str, str], Awaitable[dict[str, str]]]


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; ``ca`` is PEM, ``fingerprint`` the SHA-256 of its DER in hex."""

    url: str
    ca: str
    fingerprint: str
    host: str
    secret: str


def read_token(text: str) -> JoinToken:
    """Parse a token; raises ``InvalidToken``."""
    if not text.startswith(PREFIX):
        raise _invalid(f"it does not begin with {PREFIX}")
    body = text.removeprefix(PREFIX).strip()
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        token = msgspec.json.decode(raw, type=JoinToken)
    except (binascii.Error, ValueError) as error:
        raise _invalid("it is damaged or cut short") from error
    try:
        der = ssl.PEM_cert_to_DER_cert(token.ca)
    except ValueError as error:
        raise _invalid("its certificate is damaged") from error
    if hashlib.sha256(der).hexdigest() != token.fingerprint.replace(":", "").lower():
        raise _invalid("its certificate does not have its fingerprint")
    if not token.url.startswith("https://"):
        raise _invalid("its address is not https")
    return token


async def join(token: str, home: Path, http: Redeem = redeem) -> Credentials:
    """Make a key, have it certified and keep both under ``home``.

    Raises ``InvalidToken`` (also for one that was used) and ``Unreachable``.
    """
    parsed = read_token(token)
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=parsed.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    key = new_key()
    request = signing_request(key, parsed.host)
    answer = await http(parsed.url, context, parsed.secret, request)
    return _keep(home, parsed.url, key, answer)


def _keep(
    home: Path, url: str, key: EllipticCurvePrivateKey, answer: dict[str, str]
) -> Credentials:
    files = Credentials(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.controller.unlink(missing_ok=True)
    files.replace(key, answer["certificate"])
    atomic_write(files.ca, answer["ca"].encode())
    atomic_write(files.controller, f"{url}\n".encode())
    return files


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidToken", f"The join token is of no use: {why}.")
