"""Secrets of clients.  Pure: who keeps them and what time it is come from outside.

They are random (256 bits), so a plain hash keeps them: there is nothing to guess, and a
slow hash at each request would cost 20 ms and protect nothing.
"""

from __future__ import annotations

import hashlib
import hmac

from heliostat.identity.clients.records import Client, ClientSecret

SECRET_BYTES = 32
LONGEST_OVERLAP_S = 30 * 86_400


def kept(secret: str) -> ClientSecret:
    """What is kept of a new secret."""
    return ClientSecret(hash=_hash(secret))


def rotated(client: Client, secret: str, now_ms: int, overlap_s: int) -> tuple[ClientSecret, ...]:
    """The secrets once ``secret`` is the new one; the one before counts ``overlap_s`` longer."""
    until_ms = now_ms + overlap_s * 1000
    old = tuple(
        ClientSecret(hash=each.hash, expires_ms=until_ms)
        for each in client.secrets
        if overlap_s and not each.expires_ms
    )
    return (kept(secret), *old)


def is_secret_of(client: Client, secret: str, now_ms: int) -> bool:
    """Whether ``secret`` is one of the client's now; takes as long whichever it is."""
    digest = _hash(secret)
    found = False
    for each in client.secrets:
        same = hmac.compare_digest(each.hash, digest)
        found |= same and (not each.expires_ms or now_ms < each.expires_ms)
    return found


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
