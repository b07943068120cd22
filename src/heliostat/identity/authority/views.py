"""Certificates, roots and authorities as they are told: plain values.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from heliostat.identity.authority.certificates import pem
from heliostat.identity.authority.records import Certificate, RootState
from heliostat.identity.authority.roots import Rooted
from heliostat.identity.authority.rules import CertificatePolicy


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate as it is told; ``state``: active, expired or revoked."""

    serial: str
    subject: str
    names: tuple[str, ...]
    key: str
    usages: tuple[str, ...]
    state: str
    issuer: str
    by: str
    via: str
    not_before_ms: int
    not_after_ms: int
    revoked_ms: int
    reason: str
    certificate_pem: str
    chain_pem: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """A part of a list: items with the key to go on after each."""

    items: tuple[tuple[str, CertificateView], ...]
    after: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class RootView:
    """A root, as it is told."""

    id: str
    state: str
    subject: str
    issuer: str
    fingerprint: str
    not_after_ms: int
    certificate_pem: str


@dataclass(frozen=True, slots=True)
class AuthorityView:
    """Who signs a tenant's certificates, and how it stands with the site's root."""

    domain: str
    issuer: str
    issuer_subject: str
    issuer_not_after_ms: int
    chain_pem: str
    keys: str
    roots: tuple[RootView, ...]
    move: str
    told: str
    crl_url: str
    constrained: bool


def state_of(record: Certificate, now_ms: int) -> str:
    """active, expired or revoked."""
    if record.revoked_ms:
        return "revoked"
    return "active" if now_ms < record.not_after_ms else "expired"


def certificate_view(
    record: Certificate, now_ms: int, chain_pem: str = "", why: str = ""
) -> CertificateView:
    return CertificateView(
        serial=record.id,
        subject=record.subject,
        names=record.names,
        key=record.key,
        usages=record.usages,
        state=state_of(record, now_ms),
        issuer=record.issuer,
        by=record.by,
        via=record.via,
        not_before_ms=record.not_before_ms,
        not_after_ms=record.not_after_ms,
        revoked_ms=record.revoked_ms,
        reason=record.reason,
        certificate_pem=pem(x509.load_der_x509_certificate(record.der)).decode(),
        chain_pem=chain_pem,
        why=why,
    )


def planned_view(why: str) -> CertificateView:
    """What is told where nothing was issued: the reason why it would be."""
    nothing: tuple[str, ...] = ()
    return CertificateView("", "", nothing, "", nothing, "", "", "", "", 0, 0, 0, "", "", why=why)


def root_view(root: Rooted) -> RootView:
    return RootView(
        id=root.record.id,
        state=RootState(root.record.state).value,
        subject=root.certificate.subject.rfc4514_string(),
        issuer=root.certificate.issuer.rfc4514_string(),
        fingerprint=root.certificate.fingerprint(hashes.SHA256()).hex(),
        not_after_ms=end_ms(root.certificate),
        certificate_pem=pem(root.certificate).decode(),
    )


def end_ms(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp() * 1000)


def built(policy: CertificatePolicy) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(policy)
    return {"rules": told["rules"], "acme": told["acme"]}
