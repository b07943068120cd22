"""Revocation lists (RFC 5280), of intermediates and of roots.

A list is a document, signed again when somebody asks and something was revoked since, or
a seventh of its life has passed; its number rises in the same commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Kind
from heliostat.core.clock import Clock
from heliostat.identity.authority.certificates import INTERMEDIATE_DAYS
from heliostat.identity.authority.records import (
    ROOT_LISTS,
    ROOTS,
    RevocationList,
    Revoked,
)
from heliostat.identity.authority.roots import Roots, moment
from heliostat.identity.decided import Decided, settle

_AGED = 7
_CALM = 3
"""Attempts to sign a list while nothing is taken back."""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who signs a list."""

    id: str
    name: x509.Name
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Entries:
    """What a list has to name; ``unchanged`` holds while nothing was taken back since."""

    revoked: Sequence[Revoked]
    unchanged: Guard


async def root_crl(roots: Roots, root_id: str, days: float) -> RevocationList | None:
    """The list of a root: intermediates that it took back; ``None``: no such root."""
    root = await roots.find(root_id)
    if root is None or not root.record.state.is_trusted:
        return None

    async def revoked() -> Entries:
        stored = await ROOTS.get(roots.store, root_id)
        if stored is None:
            return Entries((), ROOTS.absent(root_id))
        return Entries(stored.value.revoked, ROOTS.guard(stored))

    publisher = Publisher(
        root.record.id,
        root.certificate.subject,
        root.certificate,
        await roots.key(root.record),
    )
    return await current_list(roots.store, roots.clock, ROOT_LISTS, publisher, revoked, days)


async def prune_root(roots: Roots, root_id: str) -> int:
    """Forget what a root took back and what has ended since; gives how many.

    It was in the newest list, which is from after its end, so the next need not have it.
    """

    async def decide() -> Decided[int]:
        stored = await ROOTS.get(roots.store, root_id)
        listed = await ROOT_LISTS.get(roots.store, root_id)
        if stored is None or listed is None or listed.value.stale:
            return Decided(0, [], [])
        old = stored.value
        left = tuple(each for each in old.revoked if not is_over(each, listed.value.made_ms))
        if left == old.revoked:
            return Decided(0, [], [])
        new = msgspec.structs.replace(old, revoked=left)
        guards = [ROOTS.guard(stored), ROOT_LISTS.guard(listed)]
        return Decided(len(old.revoked) - len(left), guards, ROOTS.put(new, old))

    return await settle(roots.store, decide)


def is_over(entry: Revoked, shown_ms: int) -> bool:
    """Whether a list made at ``shown_ms`` had it after its end: then it may go (RFC 5280, 3.3).

    Of an intermediate whose end nobody noted, the latest that it can be counts.
    """
    end_ms = entry.not_after_ms or entry.revoked_ms + INTERMEDIATE_DAYS * DAY_MS
    return end_ms < shown_ms


async def current_list(
    store: CloudStore,
    clock: Clock,
    kind: Kind[RevocationList],
    publisher: Publisher,
    revoked: Callable[[], Awaitable[Entries]],
    days: float,
) -> RevocationList:
    """The newest list of ``publisher``, signed again if it has to be.

    The first number is the time in seconds: after the loss of a store it still rises.
    What is taken back while a list is signed is in it, or the list is stale from the start.
    """
    now_ms = clock.now_ms()
    stored = await kind.get(store, publisher.id)
    life_ms = int(days * DAY_MS)
    aged_ms = now_ms - life_ms // _AGED
    if stored is not None and not stored.value.stale and stored.value.made_ms > aged_ms:
        return stored.value

    tried = 0

    async def decide() -> Decided[RevocationList]:
        nonlocal tried
        tried += 1
        before = await kind.get(store, publisher.id)
        number = before.value.number + 1 if before is not None else now_ms // 1000
        shown_ms = before.value.made_ms if before is not None else 0
        found = await revoked()
        entries = [each for each in found.revoked if not is_over(each, shown_ms)]
        der = await asyncio.to_thread(_signed, publisher, entries, number, now_ms, life_ms)
        made = RevocationList(
            id=publisher.id,
            number=number,
            der=der,
            made_ms=now_ms,
            next_ms=now_ms + life_ms,
            stale=tried > _CALM,  # in a storm of revocations there is a list all the same
        )
        guard = kind.guard(before) if before is not None else kind.absent(publisher.id)
        guards = [guard] if made.stale else [guard, found.unchanged]
        return Decided(made, guards, kind.put(made))

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
