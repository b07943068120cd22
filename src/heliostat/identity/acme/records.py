"""What ACME keeps for a tenant: accounts, the keys that open one, orders, what was proved.

Everything is a document, so any controller goes on with an order.  Orders,
authorizations and spent nonces end by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from heliostat.cloudstore.documents import Kind

HOUR_MS = 3_600_000
EVERYBODY = "*"
"""Stands for all accounts of a tenant together."""
PENDING = "pending"


class AcmeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key for external account binding: ``mac`` is sealed.  ``names``: all it may ever order.

    ``account`` is the one that it opened; a key opens one.
    """

    id: str
    title: str
    mac: str
    names: tuple[str, ...] = ()
    by: str = ""
    account: str = ""
    created_ms: int = 0
    schema: int = 1


class AcmeAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who orders; known by the thumbprint of its key (RFC 7638)."""

    id: str
    thumbprint: str
    jwk: dict[str, Any]
    contacts: tuple[str, ...] = ()
    status: str = "valid"
    key: str = ""
    names: tuple[str, ...] = ()
    created_ms: int = 0
    schema: int = 1


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """One way to prove control of a name."""

    type: str
    status: str = "pending"
    validated_ms: int = 0
    error: dict[str, Any] = {}


class AcmeAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has to prove, or has proved, about a name."""

    id: str
    account: str
    name: str
    token: str
    challenges: tuple[Challenge, ...]
    wildcard: bool = False
    status: str = "pending"
    expires_ms: int = 0
    schema: int = 1


class AcmeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that was asked for.  ``working_ms``: when its issue was begun."""

    id: str
    account: str
    names: tuple[str, ...]
    authorizations: tuple[str, ...]
    status: str = "pending"
    certificate: str = ""
    error: dict[str, Any] = {}
    replaces: str = ""
    days: int = 0
    working_ms: int = 0
    created_ms: int = 0
    expires_ms: int = 0
    schema: int = 1


class SpentNonce(msgspec.Struct, frozen=True, kw_only=True):
    """A nonce that was used."""

    id: str
    expires_ms: int
    schema: int = 1


def hour_of(account: str, ms: int) -> str:
    """An account's orders of one hour: few, however many it has; or ``EVERYBODY``'s."""
    return f"{account}.{ms // HOUR_MS}"


@dataclass(frozen=True, slots=True)
class AcmeKinds:
    """A tenant's documents of ACME."""

    keys: Kind[AcmeKey]
    accounts: Kind[AcmeAccount]
    orders: Kind[AcmeOrder]
    authorizations: Kind[AcmeAuthorization]
    nonces: Kind[SpentNonce]

    @classmethod
    def of(cls, tenant_id: str) -> AcmeKinds:
        return cls(
            Kind(f"acme-key/{tenant_id}", AcmeKey),
            Kind(
                f"acme-account/{tenant_id}",
                AcmeAccount,
                indexes={
                    "thumbprint": lambda each: each.thumbprint,
                    "status": lambda each: each.status,
                },
            ),
            Kind(
                f"acme-order/{tenant_id}",
                AcmeOrder,
                indexes={
                    "account": lambda each: each.account,
                    "hour": lambda each: (
                        hour_of(each.account, each.created_ms),
                        hour_of(EVERYBODY, each.created_ms),
                    ),
                    "pending": lambda each: str(len(each.names)) if each.status == PENDING else (),
                },
            ),
            Kind(f"acme-authorization/{tenant_id}", AcmeAuthorization),
            Kind(f"acme-nonce/{tenant_id}", SpentNonce),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that end only with their tenant."""
        return (self.keys, self.accounts)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those with an ``expires_ms``."""
        return (self.orders, self.authorizations, self.nonces)
