"""The text with which an agent joins: ``hjt1.`` and base64url JSON.

It carries the agents' address, the certificate authority to trust for that
address (and for no other) with its fingerprint, for people, the host's id and a
secret that is good once.  The controller writes it, the agent reads it.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from urllib.parse import urlsplit

import msgspec

from heliostat.core.errors import PermanentError

PREFIX = "hjt1."


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; ``ca`` is PEM, ``fingerprint`` the SHA-256 of its DER in hex."""

    url: str
    ca: str
    fingerprint: str
    host: str
    secret: str


def encode(token: JoinToken) -> str:
    """The text that a person hands to the agent."""
    return PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def decode(text: str) -> JoinToken:
    """What a token's text says; raises ``InvalidToken`` with what is wrong with it."""
    body = text.strip()
    if not body.startswith(PREFIX):
        raise _invalid(f"it does not begin with {PREFIX}")
    body = body.removeprefix(PREFIX)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        token = msgspec.json.decode(raw, type=JoinToken)
    except ValueError as error:  # of base64, of JSON, and of msgspec
        raise _invalid("it is damaged or cut short") from error
    if urlsplit(token.url).scheme != "https":
        raise _invalid("its address is not https")
    _check_fingerprint(token)
    return token


def _check_fingerprint(token: JoinToken) -> None:
    try:
        der = ssl.PEM_cert_to_DER_cert(token.ca)
    except ValueError as error:
        raise _invalid("its certificate is damaged") from error
    if hashlib.sha256(der).hexdigest() != token.fingerprint.replace(":", "").lower():
        raise _invalid("its certificate does not have its fingerprint")


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidToken", f"The join token is of no use: {why}.")
