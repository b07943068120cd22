"""A client of ACME for tests: one key, every answer and its head, nothing done by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from heliostat.identity.acme.messages import encoded, thumbprint
from heliostat.testing.acme import DOMAIN, ServedAcme
from heliostat.testing.certificates import request

JOSE = {"Content-Type": "application/jose+json"}


@dataclass
class Client:
    """Speaks ACME with one key; ``last`` is the last answer's head."""

    session: aiohttp.ClientSession
    served: ServedAcme
    key: Any = field(default_factory=lambda: ECKey.generate_key("P-256"))
    algorithm: str = "ES256"
    kid: str = ""
    nonce: str = ""
    last: Any = None

    @property
    def jwk(self) -> dict[str, Any]:
        public = self.key.as_dict(private=False)
        return {name: public[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in public}

    def url(self, path: str) -> str:
        return f"{self.served.base}/acme/{DOMAIN}/{path}"

    def signed(self, to: str, payload: Any, **header: Any) -> dict[str, str]:
        """A request; ``header`` replaces members (``None``: without it)."""
        key = {"kid": self.kid} if self.kid else {"jwk": self.jwk}
        protected = {"alg": self.algorithm, "nonce": self.nonce, "url": to, **key, **header}
        told = {name: value for name, value in protected.items() if value is not None}
        first = encoded(json.dumps(told).encode())
        second = "" if payload is None else encoded(json.dumps(payload).encode())
        engine = JWSRegistry.algorithms[self.algorithm]
        raw = engine.sign(f"{first}.{second}".encode(), self.key)
        return {"protected": first, "payload": second, "signature": encoded(raw)}

    async def fresh(self) -> None:
        async with self.session.head(self.url("new-nonce")) as answer:
            self.nonce = answer.headers["Replay-Nonce"]

    async def post(self, path: str, payload: Any = None, **header: Any) -> dict[str, Any]:
        url = path if path.startswith("https") else self.url(path)
        await self.fresh()
        return await self.send(url, self.signed(url, payload, **header))

    async def send(self, url: str, body: Any) -> dict[str, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(url, data=data, headers=JOSE) as answer:
            self.last = answer
            raw = await answer.read()
            assert "Replay-Nonce" in answer.headers
            if "json" in answer.content_type:
                told: dict[str, Any] = json.loads(raw)
                return told
            return {"text": raw.decode()}

    async def register(self) -> dict[str, Any]:
        told = await self.post("new-account", {"contact": ["mailto:a@acme.example"]})
        self.kid = self.last.headers["Location"]
        return told

    async def order(self, *names: str, **more: Any) -> dict[str, Any]:
        identifiers = [{"type": "dns", "value": name} for name in names]
        told = await self.post("new-order", {"identifiers": identifiers, **more})
        return {**told, "url": self.last.headers.get("Location", "")}

    async def challenge(self, order: dict[str, Any], kind: str) -> dict[str, Any]:
        (place,) = order["authorizations"]
        found = await self.post(place)
        return next(each for each in found["challenges"] if each["type"] == kind)

    def authorization(self, challenge: dict[str, Any]) -> str:
        return f"{challenge['token']}.{thumbprint(self.jwk)}"

    async def finalized(self, order: dict[str, Any], *names: str) -> list[x509.Certificate]:
        csr = x509.load_pem_x509_csr(request(*names).encode()).public_bytes(Encoding.DER)
        done = await self.post(order["finalize"], {"csr": encoded(csr)})
        assert done["status"] == "valid", done
        told = await self.post(done["certificate"])
        return x509.load_pem_x509_certificates(told["text"].encode())
