"""A device with passkeys, in software: for tests, after the text of WebAuthn level 2 alone.

It does what a browser and its authenticator do together, with P-256 keys and attestation
``none``; ``flags`` and what the browser says can be bent by whoever tests refusals.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, SYNCABLE, SYNCED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class Authenticator:
    """One device; ``origin`` is where its browser believes to be."""

    origin: str = "https://site.test:9000"
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    client: dict[str, Any] = field(default_factory=dict)
    """Overrides of what the browser says."""
    credential: bytes = field(default_factory=lambda: os.urandom(32))
    handle: str = ""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: str) -> str:
        """The answer to a creation's options, as the page's script sends it."""
        asked = json.loads(options)
        self.handle = asked["user"]["id"]
        public = self.key.public_key().public_numbers()
        cose = {
            1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big"),
        }  # fmt: skip
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential
        data = self._data(asked["rp"]["id"], ATTESTED) + attested + cbor2.dumps(cose)
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            clientDataJSON=self._client("webauthn.create", asked["challenge"]),
            attestationObject=_text(statement),
            transports=["internal", "made-up"],
        )

    def get(self, options: str) -> str:
        """The answer to a request's options."""
        asked = json.loads(options)
        self.counter += 1
        data = self._data(asked["rpId"], 0)
        client = self._client("webauthn.get", asked["challenge"])
        signed = data + hashlib.sha256(_bytes(client)).digest()
        return self._answer(
            clientDataJSON=client,
            authenticatorData=_text(data),
            signature=_text(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=self.handle,
        )

    def _data(self, site: str, flags: int) -> bytes:
        counter = self.counter.to_bytes(4, "big")
        return hashlib.sha256(site.encode()).digest() + bytes([self.flags | flags]) + counter

    def _client(self, kind: str, challenge: str) -> str:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, **self.client}
        return _text(json.dumps(said).encode())

    def _answer(self, **response: Any) -> str:
        id_ = _text(self.credential)
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
