"""Signing requests for tests: as they should be, and as they should not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def request(
    *names: str,
    common: str = "",
    key: Any = None,
    extensions: Sequence[x509.ExtensionType] = (),
    subject: x509.Name | None = None,
) -> str:
    """A PEM request for DNS ``names``; ``extensions`` beside the names."""
    own = key if key is not None else ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name(parts))
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    none = isinstance(own, ed25519.Ed25519PrivateKey)
    signed = builder.sign(own, None if none else hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()
