"""Certificates as metadata carries them, and key pairs of our own.

A certificate in metadata is how a key is spelled: who issued it and when it ends says
nothing (Metadata Interoperability Profile, 2.6.1).  Ours are signed by themselves.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from heliostat.core.errors import PermanentError

BITS = 3072
LEAST_BITS = 2048
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of ours with its certificate."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def base64(self) -> str:
        """The certificate as metadata carries it."""
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()


def new_pair(name: str, now_ms: int, lifetime_s: float) -> tuple[str, str]:
    """A key and a certificate for it, as PEM: private key, certificate."""
    private = rsa.generate_private_key(65537, BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begins_s = now_ms // 1000 - 300  # clocks differ
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begins_s, UTC))
        .not_valid_after(datetime.fromtimestamp(begins_s + lifetime_s, UTC))
        .sign(private, hashes.SHA256())
    )
    key_pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem.decode(), certificate.public_bytes(Encoding.PEM).decode()


@lru_cache(maxsize=64)
def load_pair(private_pem: str, certificate_pem: str) -> KeyPair:
    """The pair in two PEM texts of ours."""
    private = load_pem_private_key(private_pem.encode(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise PermanentError("StoreCorrupt", "A SAML key is no RSA key.")
    return KeyPair(private, x509.load_pem_x509_certificate(certificate_pem.encode()))


@lru_cache(maxsize=512)
def load_certificate(text: str) -> x509.Certificate:
    """A certificate from PEM or bare base64; raises ``InvalidEntity``."""
    bare = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    try:
        der = base64.b64decode("".join(bare.split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        public = certificate.public_key()
    except (ValueError, binascii.Error, TypeError) as error:
        raise PermanentError("InvalidEntity", "A certificate can't be read.") from error
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < LEAST_BITS:
            raise PermanentError(
                "InvalidEntity", f"A certificate's key has {public.key_size} bits: too few."
            )
    elif not isinstance(public, ec.EllipticCurvePublicKey):
        raise PermanentError("InvalidEntity", "A certificate's key is neither RSA nor of a curve.")
    return certificate


def as_base64(certificate: x509.Certificate) -> str:
    """The certificate as metadata carries it, and as we keep it."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
