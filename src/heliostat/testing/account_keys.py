"""Keys and certificates of service accounts for tests, and assertions under them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heliostat.testing.clock import START_MS

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: PrivateKey) -> str:
    """The public half, as accounts are given it."""
    form = PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(Encoding.PEM, form).decode()


def private_pem(key: PrivateKey) -> str:
    """As PKCS #8, which is what programs keep."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def text_of(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(key: PrivateKey, data: bytes) -> tuple[str, bytes]:
    """Algorithm and signature, in the one way of this key."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA", key.sign(data)
    large = isinstance(key.curve, ec.SECP384R1)
    der = key.sign(data, ec.ECDSA(hashes.SHA384() if large else hashes.SHA256()))
    size = 48 if large else 32
    r, s = decode_dss_signature(der)
    return "ES384" if large else "ES256", r.to_bytes(size, "big") + s.to_bytes(size, "big")


def assertion(key: PrivateKey, claims: dict[str, Any], **header: object) -> str:
    """The claims under ``key``; ``header`` adds to, or contradicts, what fits the key."""
    algorithm, _ = signature(key, b"")
    parts = ({"alg": algorithm, "typ": "JWT", **header}, claims)
    text = ".".join(text_of(json.dumps(part).encode()) for part in parts)
    return f"{text}.{text_of(signature(key, text.encode())[1])}"


def x5c(*certificates: x509.Certificate) -> list[str]:
    """Certificates as a header shows them."""
    return [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in certificates]


def certificate(
    key: PrivateKey,
    *,
    days: tuple[float, float] = (-1, 30),
    usages: Sequence[x509.ObjectIdentifier] = CLIENT,
    authority: bool = False,
    signs: bool = True,
    now_ms: int = START_MS,
) -> x509.Certificate:
    """A certificate from elsewhere, signed by its own key; ``days`` from and to, around now."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "from elsewhere")])
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    usage = x509.KeyUsage(signs, False, not signs, False, False, authority, False, False, False)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage, critical=True)
    )
    if usages:
        built = built.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return built.sign(key, algorithm)


def pem_of(shown: x509.Certificate) -> str:
    return shown.public_bytes(Encoding.PEM).decode()


def certificate_of(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())
