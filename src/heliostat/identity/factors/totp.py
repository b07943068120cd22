"""Codes of an app (RFC 6238): six digits, thirty seconds, HMAC-SHA-1, as every app does.  Pure."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES = 20
DIGITS = 6
STEP_S = 30
DRIFT = 1
"""Steps by which a phone's clock may differ."""


def code_at(secret: bytes, step: int) -> str:
    """The code of one step of time."""
    totp = TOTP(secret, DIGITS, SHA1(), STEP_S, enforce_key_length=False)  # noqa: S303 - as apps do
    return totp.generate(step * STEP_S).decode()


def matching_step(secret: bytes, code: str, now_s: float, last_step: int) -> int | None:
    """The step of time that ``code`` is of, if it is one of now and later than ``last_step``.

    A code counts once: whoever saw one being typed has no use for it.
    """
    typed = "".join(code.split()).encode(errors="replace")
    now = int(now_s) // STEP_S
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), typed) and step > last_step:
            found = step
    return found


def as_text(secret: bytes) -> str:
    """The secret as people type it into an app: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, issuer: str, account: str) -> str:
    """What the QR code says (the key URI format that apps read)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    told = {"secret": as_text(secret), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(told, quote_via=quote)}"
