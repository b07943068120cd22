"""Intermediates that no longer count: what their roots say of them from then on."""

from __future__ import annotations

import msgspec
from cryptography import x509

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.identity.authority.records import (
    ROOT_LISTS,
    ROOTS,
    Intermediate,
    Revoked,
    SignedBefore,
)
from heliostat.identity.authority.serial_numbers import serial_text
from heliostat.identity.decided import Decided


async def taken_back(
    store: CloudStore, record: Intermediate, reason: str, now_ms: int
) -> Decided[None]:
    """The roots' part: what they say is no longer good, and their lists to be signed again.

    Every certificate of the key is taken back, those from before another root among them:
    whoever has the key would show the one that nobody took back.
    """
    signed: dict[str, list[SignedBefore]] = {}
    for each in all_of(record, now_ms):
        signed.setdefault(each.root, []).append(each)
    guards: list[Guard] = []
    changes: list[Change] = []
    for root_id, own in signed.items():
        root = await ROOTS.get(store, root_id)
        if root is None:
            continue
        revoked = [
            Revoked(
                serial=each.serial,
                revoked_ms=now_ms,
                reason=reason,
                not_after_ms=each.not_after_ms,
            )
            for each in own
        ]
        told = msgspec.structs.replace(root.value, revoked=(*root.value.revoked, *revoked))
        guards.append(ROOTS.guard(root))
        changes += ROOTS.put(told, root.value)
        listed = await ROOT_LISTS.get(store, root_id)
        if listed is not None:
            guards.append(ROOT_LISTS.guard(listed))
            changes += ROOT_LISTS.put(msgspec.structs.replace(listed.value, stale=True))
    return Decided(None, guards, changes)


def all_of(record: Intermediate, now_ms: int) -> tuple[SignedBefore, ...]:
    """Every certificate of an intermediate's key that has not ended, the newest last."""
    newest = x509.load_pem_x509_certificate(record.certificate_pem.encode())
    own = SignedBefore(
        serial=serial_text(newest.serial_number),
        root=record.root,
        not_after_ms=int(newest.not_valid_after_utc.timestamp() * 1000),
    )
    return tuple(each for each in (*record.before, own) if each.not_after_ms > now_ms)
