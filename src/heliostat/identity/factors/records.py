"""What is kept of people's second factors: codes' secrets sealed, passkeys' public halves."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.cloudstore.documents import Kind


class FactorKind(StrEnum):
    """How somebody shows a second time who it is."""

    CODES = "totp"
    """Six digits of an app that shares a secret (RFC 6238)."""
    PASSKEY = "passkey"
    """A key in a device or a password store (WebAuthn)."""
    RECOVERY = "recovery"
    """Codes on paper, each good once."""


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """One of a person's factors; ``user`` is the person's key.

    ``sealed`` and ``last_step`` are of codes: the secret, and the step of time of the last code
    that was used.  ``credential`` and ``public_key`` (base64url), ``sign_count``, ``synced``,
    ``transports`` and ``handle`` (what devices call the person) are of passkeys.  ``codes`` are
    what is kept of the recovery codes that are left.
    """

    id: str
    user: str
    kind: FactorKind
    name: str
    created_ms: int
    used_ms: int = 0
    sealed: str = ""
    last_step: int = 0
    credential: str = ""
    public_key: str = ""
    sign_count: int = 0
    synced: bool = False
    transports: tuple[str, ...] = ()
    handle: str = ""
    codes: tuple[str, ...] = ()
    schema: int = 1


def factors_of(tenant_id: str) -> Kind[Factor]:
    """A tenant's, by whose they are and by a passkey's name."""
    return Kind(
        f"second-factor/{tenant_id}",
        Factor,
        indexes={
            "user": lambda factor: factor.user,
            "credential": lambda factor: factor.credential or (),
        },
    )
