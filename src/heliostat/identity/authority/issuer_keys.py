"""A key that signs certificates, with what is shown after them."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.identity.authority.certificates import pem


@dataclass(frozen=True, slots=True)
class Issuer:
    """A key that signs, with its certificate; ``chain`` is what to show after a leaf."""

    id: str
    tenant: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]
    root: str

    @property
    def chain_pem(self) -> str:
        return b"".join(map(pem, self.chain)).decode()
