"""Joining a platform with a one-time token.

The token names the controller, its certificate authority and a secret.  The
secret is sent only over TLS that was verified against exactly that authority.
The private key is made here and never leaves this host.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from heliostat.agent.credentials import Credentials, new_key, signing_request
from heliostat.agentlink.client import redeem
from heliostat.core.files import atomic_write
from heliostat.core.join_token import decode

Redeem = Callable[[str, ssl.SSLContext, str, str], Awaitable[dict[str, str]]]


async def join(token: str, home: Path, http: Redeem = redeem) -> Credentials:
    """Make a key, have it certified and keep both under ``home``.

    Raises ``InvalidToken`` (also for one that was used) and ``Unreachable``.
    """
    parsed = decode(token)
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
