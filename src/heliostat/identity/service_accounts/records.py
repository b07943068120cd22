"""What service accounts prove themselves with, and when they last did."""

from __future__ import annotations

import msgspec

from heliostat.cloudstore.documents import Kind


class AccountKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key; ``kid`` is its thumbprint (RFC 7638), ``algorithm`` what it signs with.

    With ``expires_ms`` it ends then (0: it does not end by itself).
    """

    kid: str
    public_pem: str
    algorithm: str
    title: str = ""
    created_ms: int = 0
    expires_ms: int = 0


class AccountCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate from elsewhere, known by its fingerprint (SHA-256, hex)."""

    sha256: str
    pem: str
    created_ms: int = 0


class CredentialUse(msgspec.Struct, frozen=True, kw_only=True):
    """When a key or certificate was last shown, to the hour; ``id`` is both names."""

    id: str
    account: str
    credential: str
    used_ms: int
    schema: int = 1


def uses_of(tenant_id: str) -> Kind[CredentialUse]:
    """A tenant's, found by account."""
    return Kind(
        f"credential-use/{tenant_id}",
        CredentialUse,
        indexes={"account": lambda use: use.account},
    )
