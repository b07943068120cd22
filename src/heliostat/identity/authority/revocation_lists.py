"""Revocation lists (RFC 5280), of intermediates and of roots.

A list is a document, signed again when somebody asks and something was revoked since, or
a seventh of its life has passed; its number rises in the same commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.authority.records import (
    ROOT_LISTS,
    RevocationList,
    Revoked,
)
from heliostat.identity.authority.roots import Roots, moment
from heliostat.identity.decided import Decided, settle

_AGED = 7
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who signs a list."""

    id: str
    name: x509.Name
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


async def root_crl(roots: Roots, root_id: str, days: float) -> RevocationList | None:
    """The list of a root: intermediates that it took back; ``None``: no such root."""
    root = await roots.find(root_id)
    if root is None or not root.record.state.is_trusted:
        return None

    async def revoked() -> list[Revoked]:
        found = await roots.find(root_id)
        return list(found.record.revoked) if found is not None else []

    publisher = Publisher(
        root.record.id,
        root.certificate.subject,
        root.certificate,
        await roots.key(root.record),
    )
    return await current_list(roots.store, roots.clock, ROOT_LISTS, publisher, revoked, days)


async def current_list(
    store: CloudStore,
    clock: Clock,
    kind: Kind[RevocationList],
    publisher: Publisher,
    revoked: Callable[[], Awaitable[list[Revoked]]],
    days: float,
) -> RevocationList:
    """The newest list of ``publisher``, signed again if it has to be."""
    now_ms = clock.now_ms()
    stored = await kind.get(store, publisher.id)
    life_ms = int(days * DAY_MS)
    aged_ms = now_ms - life_ms // _AGED
    if stored is not None and not stored.value.stale and stored.value.made_ms > aged_ms:
        return stored.value

    async def decide() -> Decided[RevocationList]:
        before = await kind.get(store, publisher.id)
        number = before.value.number + 1 if before is not None else 1
        entries = await revoked()
        der = await asyncio.to_thread(_signed, publisher, entries, number, now_ms, life_ms)
        made = RevocationList(
            id=publisher.id, number=number, der=der, made_ms=now_ms, next_ms=now_ms + life_ms
        )
        guard = kind.guard(before) if before is not None else kind.absent(publisher.id)
        return Decided(made, [guard], kind.put(made))

    return await settle(store, decide)


def _signed(
    publisher: Publisher, entries: Iterable[Revoked], number: int, now_ms: int, life_ms: int
) -> bytes:
    own = publisher.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    who = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(publisher.name)
        .last_update(moment(now_ms))
        .next_update(moment(now_ms + life_ms))
        .add_extension(who, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for each in entries:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(int(each.serial, 16))
            .revocation_date(moment(each.revoked_ms))
        )
        if each.reason != "unspecified":  # left out, as RFC 5280 (5.3.1) wants
            reason = x509.CRLReason(x509.ReasonFlags(each.reason))
            entry = entry.add_extension(reason, critical=False)
        unsigned = unsigned.add_revoked_certificate(entry.build())
    return unsigned.sign(publisher.key, hashes.SHA256()).public_bytes(Encoding.DER)
