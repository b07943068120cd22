"""The header by which browsers and programs show tickets (RFC 4559).  Pure."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from heliostat.identity.kerberos.tickets import refused

SCHEME = "Negotiate"
_HEADER = "WWW-Authenticate"


def token_of(request: web.Request) -> bytes | None:
    """What the request shows; ``None`` for nothing.  Raises ``KerberosRefused``."""
    scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.casefold() != SCHEME.casefold():
        return None
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise refused("its header can't be read") from error


def offered() -> dict[str, str]:
    """Says that a ticket may be shown."""
    return {_HEADER: SCHEME}


def answered(token: bytes) -> dict[str, str]:
    """Proves us to who has shown a ticket."""
    return {_HEADER: f"{SCHEME} {base64.b64encode(token).decode()}"} if token else {}
