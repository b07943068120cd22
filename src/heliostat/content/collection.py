"""Online collection: blobs that nobody refers to are deleted while the platform works.

``decide`` is pure.  ``collect`` carries its verdicts out one by one: condemn
(commit guarded by "no reference"), delete unless stored again meanwhile, pardon.
A crash in between leaves a condemned digest, which the next collection finishes.
A blob that was uploaded but not yet referenced is protected by the grace time.
One collector at a time: the caller holds a lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.content import references
from heliostat.content.blobs import Blobs, StoredBlob

DEFAULT_GRACE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one blob shall go, and why."""

    blob: StoredBlob
    delete: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collection did; ``kept`` blobs were found in use or young."""

    deleted: tuple[StoredBlob, ...]
    kept: int

    @property
    def freed_bytes(self) -> int:
        return sum(blob.size_bytes for blob in self.deleted)


def decide(
    stored: Iterable[StoredBlob], referenced: Collection[str], grace_s: float
) -> tuple[Verdict, ...]:
    """A verdict for each stored blob."""
    return tuple(_judge(blob, blob.digest in referenced, grace_s) for blob in stored)


def _judge(blob: StoredBlob, is_referenced: bool, grace_s: float) -> Verdict:
    if is_referenced:
        return Verdict(blob, delete=False, reason="An entity refers to it.")
    if blob.idle_s < grace_s:
        reason = f"Nobody refers to it, but only for {blob.idle_s:.0f} s of {grace_s:.0f} s."
        return Verdict(blob, delete=False, reason=reason)
    reason = f"Nobody refers to it, and it has been idle for {blob.idle_s:.0f} s."
    return Verdict(blob, delete=True, reason=reason)


async def collect(
    store: CloudStore, blobs: Blobs, *, grace_s: float = DEFAULT_GRACE_S
) -> Collected:
    """Delete what ``decide`` condemns; safe against references committed meanwhile."""
    await _finish_interrupted(store)
    stored = await asyncio.to_thread(lambda: list(blobs.stored()))
    verdicts = decide(stored, await references.referenced(store), grace_s)
    deleted = [
        verdict.blob
        for verdict in verdicts
        if verdict.delete and await _delete(store, blobs, verdict.blob.digest, grace_s)
    ]
    return Collected(tuple(deleted), len(verdicts) - len(deleted))


async def _delete(store: CloudStore, blobs: Blobs, digest: str, grace_s: float) -> bool:
    condemn, pardon = references.condemn(digest), references.pardon(digest)
    try:
        await store.commit(condemn.guards, condemn.changes)
    except GuardFailed:
        return False
    try:
        return await asyncio.to_thread(blobs.delete_idle, digest, idle_s=grace_s)
    finally:
        await store.commit(pardon.guards, pardon.changes)


async def _finish_interrupted(store: CloudStore) -> None:
    """Pardon what a crashed collection left; it is judged anew with everything else."""
    for digest in await references.condemned(store):
        pardon = references.pardon(digest)
        await store.commit(pardon.guards, pardon.changes)
