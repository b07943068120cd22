"""A service account for tests: what it signs, and what it is answered."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from heliostat.core.errors import HeliostatError
from heliostat.identity.tokens.assertions import ASSERTION_TYPE
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest
from heliostat.testing.signin import SCOPE, IdentityKit

DOMAIN = "heliostat.local"


class Robot:
    """A service account ``ci`` and its private key."""

    def __init__(self, kit: IdentityKit, private_pem: str) -> None:
        self.kit = kit
        self.key = ECKey.import_key(private_pem)

    def claims(self, **changes: object) -> dict[str, Any]:
        now_s = self.kit.clock.now_ms() // 1000
        return {
            "iss": "ci",
            "sub": "ci",
            "aud": f"https://site.test:9000/openidconnect/token/{DOMAIN}",
            "iat": now_s,
            "exp": now_s + 60,
            "jti": self.kit.ids.new_id(),
            **changes,
        }

    def assertion(self, **changes: object) -> str:
        return jwt.encode({"alg": "ES256"}, self.claims(**changes), self.key)

    async def sign_in(self, assertion: str, **fields: str) -> TokenAnswer:
        asked = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_id": "ci",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **fields,
        }
        return await self.kit.identity.grants.answer(TokenRequest(**asked))

    async def refused(self, assertion: str, **fields: str) -> str:
        with pytest.raises(HeliostatError) as caught:
            await self.sign_in(assertion, **fields)
        assert caught.value.code == "InvalidClient", caught.value
        return caught.value.message
