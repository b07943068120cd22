"""How this machine proves who it is: a short JWT under the key of its certificate.

ES256 by openssl; the format is RFC 7515's, the claims RFC 7523's.  The controller takes
it once.
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
from collections.abc import Mapping

from heliostat.member import openssl

LIFETIME_S = 60
_COORDINATE = 32


def assertion(computer: str, issuer: str, certificate_pem: bytes, key: bytes, now_s: float) -> str:
    """The text that the controller takes; ``certificate_pem`` has the machine's own first."""
    (own, *_others) = openssl.blocks(certificate_pem, "CERTIFICATE")
    der = ssl.PEM_cert_to_DER_cert(own.decode())
    header = {"alg": "ES256", "typ": "JWT", "x5c": [base64.b64encode(der).decode()]}
    claims = {
        "iss": computer,
        "sub": computer,
        "aud": issuer,
        "iat": int(now_s),
        "exp": int(now_s) + LIFETIME_S,
        "jti": secrets.token_hex(16),
    }
    signed = f"{_part(header)}.{_part(claims)}"
    signature = raw_signature(openssl.signature(key, signed.encode()))
    return f"{signed}.{_url(signature)}"


def raw_signature(der: bytes) -> bytes:
    """An ECDSA signature as JWTs have it: both numbers, 32 bytes each (RFC 7518, 3.4).

    ``der`` is a SEQUENCE of two INTEGERs (X.690); a P-256 signature's lengths take a byte.
    """
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    return b"".join(each.lstrip(b"\0").rjust(_COORDINATE, b"\0") for each in (r, s))


def _part(value: Mapping[str, object]) -> str:
    return _url(json.dumps(value, separators=(",", ":")).encode())


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
