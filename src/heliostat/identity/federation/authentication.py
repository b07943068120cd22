"""How we say who we are to a provider's token endpoint: by secret or by key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from heliostat.core.ids import Ids
from heliostat.identity.federation.records import OidcSettings
from heliostat.identity.sealing import Sealing
from heliostat.identity.tokens.assertions import ASSERTION_TYPE

ASSERTION_S = 60


def place(tenant: str, provider: str, what: str) -> str:
    """Where a provider's secret is sealed for."""
    return f"{tenant}/provider/{provider}/{what}"


class OurProof:
    """Of one tenant towards its providers."""

    def __init__(self, sealing: Sealing, tenant: str, ids: Ids) -> None:
        self._sealing = sealing
        self._tenant = tenant
        self._ids = ids

    def for_tokens(
        self, provider: str, settings: OidcSettings, metadata: Mapping[str, Any], now_s: float
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Fields and headers of a token request; ``provider`` is the id."""
        client = {"client_id": settings.client_id}
        if settings.private_key:
            sealed = settings.private_key
            pem = self._sealing.unseal(sealed, place(self._tenant, provider, "private-key"))
            return {**client, **self._assertion(settings, metadata, pem, now_s)}, {}
        if not settings.secret:
            return client, {}
        secret = self._sealing.unseal(
            settings.secret, place(self._tenant, provider, "secret")
        ).decode()
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            return {**client, "client_secret": secret}, {}
        both = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
        return {}, {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}

    def _assertion(
        self, settings: OidcSettings, metadata: Mapping[str, Any], pem: bytes, now_s: float
    ) -> dict[str, str]:
        key = key_of(pem)
        claims = {
            "iss": settings.client_id,
            "sub": settings.client_id,
            "aud": metadata["token_endpoint"],
            "jti": self._ids.secret(),
            "iat": int(now_s),
            "exp": int(now_s) + ASSERTION_S,
        }
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        header = {"alg": algorithm, "typ": "JWT", "kid": key.thumbprint()}
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, claims, key, algorithms=[algorithm]),
        }


def key_of(pem: bytes) -> ECKey | RSAKey:
    """A private key: P-256, or RSA; raises ``ValueError``."""
    if b"RSA PRIVATE" in pem:
        return RSAKey.import_key(pem)
    try:
        return ECKey.import_key(pem)
    except (ValueError, TypeError):
        return RSAKey.import_key(pem)
