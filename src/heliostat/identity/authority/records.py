"""What the authority keeps: roots of the site, and below each tenant what it issued.

Private keys are named by ``key``: sealed text, or where a token has them (see
``custody``).  A certificate's id is its serial number in hex, which begins with the time,
so documents lie in the order of issue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.acme.records import AcmeKinds
from heliostat.identity.authority.rules import CertificatePolicy
from heliostat.identity.names import fold

HOST, SERVER = "host", "server"
OWN = (HOST, SERVER)
"""How the platform's own certificates come about (``Certificate.via``)."""
ALL_CERTIFICATES = "/v1/certificate/"
"""What the keys of the certificates of all tenants start with."""
HELD = "certificateHold"
CESSATION = "cessationOfOperation"
KEPT_MS = 30 * 86_400_000
"""How long a certificate is kept after its end."""


class RootState(StrEnum):
    """Where a root is on its way; see the design note."""

    REQUESTED = "requested"
    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"

    @property
    def is_trusted(self) -> bool:
        """Whether it is published as one to trust."""
        return self in (RootState.NEXT, RootState.ACTIVE, RootState.RETIRING)


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What no longer counts: its serial number, when and why, and when it ends by itself.

    Of intermediates taken back by an earlier version nobody noted the end (0).
    """

    serial: str
    revoked_ms: int
    reason: str
    not_after_ms: int = 0


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A root of the site.  ``above_pem``: who signed it, up to the one to trust."""

    id: str
    state: RootState
    key: str
    certificate_pem: str = ""
    above_pem: str = ""
    csr_pem: str = ""
    signs_leaves: bool = False
    revoked: tuple[Revoked, ...] = ()
    created_ms: int = 0
    changed_ms: int = 0
    schema: int = 1


class HostTrust(msgspec.Struct, frozen=True, kw_only=True):
    """What a host was told to trust, and who certified it last; ``id`` is the host's."""

    id: str
    roots: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    schema: int = 1


class SignedBefore(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier certificate of an intermediate's key: its number, its end, and whose it is."""

    serial: str
    root: str
    not_after_ms: int


class Intermediate(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs a tenant's certificates; ``root`` signed it last.

    A ``retired`` one signs no more; a ``revoked`` one is not believed, either.  ``before``:
    what was signed for the same key earlier and still counts.
    """

    id: str
    certificate_pem: str
    root: str
    key: str
    retired: bool = False
    revoked: bool = False
    before: tuple[SignedBefore, ...] = ()
    created_ms: int = 0
    schema: int = 1


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Something issued.  ``names`` as in ``dns:www.acme.example``; ``via`` is how it was asked."""

    id: str
    issuer: str
    subject: str
    names: tuple[str, ...]
    key: str
    der: bytes
    not_before_ms: int
    not_after_ms: int
    by: str
    via: str
    usages: tuple[str, ...] = ()
    created_ms: int = 0
    revoked_ms: int = 0
    reason: str = ""
    replaces: str = ""
    schema: int = 1

    def is_active(self, now_ms: int) -> bool:
        return not self.revoked_ms and now_ms < self.not_after_ms

    @property
    def is_held(self) -> bool:
        """Whether it does not count for as long as its holder is barred."""
        return bool(self.revoked_ms) and self.reason == HELD

    @property
    def is_over(self) -> bool:
        """Whether it was taken back for good."""
        return bool(self.revoked_ms) and self.reason != HELD


class RevocationList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest list of an issuer (``id``); ``stale`` once something was revoked since."""

    id: str
    number: int
    der: bytes = b""
    made_ms: int = 0
    next_ms: int = 0
    stale: bool = False
    schema: int = 1


ROOTS = Kind("authority-root", Root)
HOST_TRUST = Kind("host-trust", HostTrust)
ROOT_LISTS = Kind("authority-root-crl", RevocationList)


def day_of(ms: int) -> str:
    """The day (UTC) that a moment is on: values of the index of ends."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def _names(certificate: Certificate) -> Iterator[str]:
    return (name[:253] for name in certificate.names)


def _holder(certificate: Certificate) -> tuple[str, ...]:
    """Whose it is, for what may have to be taken back: not the platform's own."""
    if certificate.via in OWN or certificate.is_over:
        return ()
    return (fold(certificate.by)[:253],)


def intermediates(tenant_id: str) -> Kind[Intermediate]:
    return Kind(f"intermediate/{tenant_id}", Intermediate)


def certificates(tenant_id: str) -> Kind[Certificate]:
    """A tenant's certificates: by name, by day of the end, by issuer the revoked ones, and by
    whoever they were issued to those that count, or are only held."""
    return Kind(
        f"certificate/{tenant_id}",
        Certificate,
        indexes={
            "name": _names,
            "ends": lambda each: day_of(each.not_after_ms),
            "revoked": lambda each: each.issuer if each.revoked_ms else (),
            "by": _holder,
        },
    )


def revocation_lists(tenant_id: str) -> Kind[RevocationList]:
    return Kind(f"crl/{tenant_id}", RevocationList)


def policies(tenant_id: str) -> Kind[CertificatePolicy]:
    return Kind(f"certificate-policy/{tenant_id}", CertificatePolicy)


@dataclass(frozen=True, slots=True)
class AuthorityKinds:
    """Everything of the authority that is a tenant's."""

    intermediates: Kind[Intermediate]
    certificates: Kind[Certificate]
    revocation_lists: Kind[RevocationList]
    policies: Kind[CertificatePolicy]
    acme: AcmeKinds

    @classmethod
    def of(cls, tenant_id: str) -> AuthorityKinds:
        return cls(
            intermediates(tenant_id),
            certificates(tenant_id),
            revocation_lists(tenant_id),
            policies(tenant_id),
            AcmeKinds.of(tenant_id),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that do not end by themselves; ``Certificates`` forgets what ended long ago."""
        return (
            self.intermediates,
            self.certificates,
            self.revocation_lists,
            self.policies,
            *self.acme.lasting,
        )

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return self.acme.expiring
