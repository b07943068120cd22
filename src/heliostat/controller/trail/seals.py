"""Seals over the trail, so that a record changed or removed in the store shows.

A seal covers the records whose commits lie between the seal before it and its
own revision, and the digest of the seal before it: a chain.  Whoever edits the
store's file would have to make every later seal anew, and whoever has noted the
latest digest elsewhere would still see it.

Retention removes whole seals with their records; the last one that went stays
as the chain's new beginning.  Pure but for the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from heliostat.cloudstore.contract import CloudStore, Document
from heliostat.cloudstore.documents import Kind
from heliostat.controller.trail.record import LATEST_MS, RECORDS, record_id

MARGIN_MS = 3_600_000
"""A record's time and its commit lie closer together than this, whoever's clock it was."""
PAGE = 500


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """``revision`` is the last one covered; ``digest`` is hexadecimal SHA-256.

    ``is_anchor`` says that the chain begins after it, because retention removes its records;
    ``is_cleared`` that they are gone.
    """

    number: int
    revision: int
    made_ms: int
    records: int
    digest: str
    previous: str = ""
    is_anchor: bool = False
    is_cleared: bool = False
    schema: int = 1


def seal_id(number: int) -> str:
    return f"{number:012d}"


SEALS: Kind[Seal] = Kind("audit-seal", Seal, identify=lambda seal: seal_id(seal.number))
NOTHING = Seal(number=0, revision=0, made_ms=0, records=0, digest="")


def digest_of(seal: Seal, records: Sequence[Document]) -> str:
    """The digest of a seal's own facts and of ``records`` in the order of their commits."""
    facts = (seal.previous, seal.number, seal.revision, seal.made_ms, seal.records)
    found = hashlib.sha256("\0".join(map(str, facts)).encode())
    for each in sorted(records, key=lambda document: (document.created, document.key)):
        entry = hashlib.sha256(f"{each.key}\0{each.created}\0".encode() + each.value)
        found.update(entry.digest())
    return found.hexdigest()


def next_seal(last: Seal, records: Sequence[Document], revision: int, now_ms: int) -> Seal:
    """The seal after ``last``, over the records committed since then up to ``revision``."""
    seal = Seal(
        number=last.number + 1,
        revision=revision,
        made_ms=now_ms,
        records=len(records),
        digest="",
        previous=last.digest,
    )
    return replace(seal, digest=digest_of(seal, records))


async def all_seals(store: CloudStore) -> list[Seal]:
    return [each.value for each in await SEALS.all(store)]


async def unsealed(store: CloudStore, last: Seal) -> tuple[list[Document], int]:
    """The records committed since ``last``, and the revision they were read at."""
    found: list[Document] = []
    oldest = RECORDS.key(record_id(max(last.made_ms - MARGIN_MS, 0), "~"))
    page = await store.list(RECORDS.prefix, limit=PAGE)
    revision = page.revision
    while True:
        found += [each for each in page.items if each.created > last.revision]
        if page.after is None or page.after > oldest:
            return found, revision
        page = await store.list(RECORDS.prefix, limit=PAGE, after=page.after, at_revision=revision)


async def older_than(store: CloudStore, time_ms: int) -> AsyncIterator[Document]:
    """The records from before ``time_ms``, newest first, as of one revision."""
    after: str | None = RECORDS.key(record_id(time_ms, ""))
    revision: int | None = None
    while True:
        page = await store.list(RECORDS.prefix, limit=PAGE, after=after, at_revision=revision)
        for each in page.items:
            yield each
        after, revision = page.after, page.revision
        if after is None:
            return


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check of the whole trail found; ``problems`` are sentences, none if all is well."""

    seals: int
    records: int
    unsealed: int
    latest_digest: str
    problems: tuple[str, ...]


async def verify(store: CloudStore, kept_since_ms: int | None = None) -> Verification:
    """Compare every record with the seal that covers it.

    The chain begins at the newest seal whose records retention removed; one that is
    younger than ``kept_since_ms`` was not removed by it.
    """
    seals = await all_seals(store)
    anchors = [index for index, seal in enumerate(seals) if seal.is_anchor]
    anchor = seals[anchors[-1]] if anchors else NOTHING
    seals = seals[anchors[-1] + 1 :] if anchors else seals
    records = [each async for each in older_than(store, LATEST_MS)]
    records.sort(key=lambda document: (document.created, document.key))
    problems = [
        f"The record {each.key.removeprefix(RECORDS.prefix)} was written again "
        f"at revision {each.revision}."
        for each in records
        if each.revision != each.created
    ]
    if kept_since_ms is not None and anchor.made_ms > kept_since_ms:
        problems.append(f"The records up to seal {anchor.number} were removed before their time.")
    records = [each for each in records if each.created > anchor.revision]
    position, checked, last = 0, 0, anchor
    for seal in seals:
        start = position
        while position < len(records) and records[position].created <= seal.revision:
            position += 1
        covered = records[start:position]
        problems += _judge(last, seal, covered)
        checked += len(covered)
        last = seal
    return Verification(
        seals=len(seals) + len(anchors[-1:]),
        records=checked,
        unsealed=len(records) - checked,
        latest_digest=last.digest,
        problems=tuple(problems),
    )


def _judge(before: Seal, seal: Seal, covered: Sequence[Document]) -> list[str]:
    """What is wrong with one link of the chain."""
    problems = []
    if seal.number != before.number + 1:
        problems.append(f"Between the seals {before.number} and {seal.number} some are missing.")
    elif seal.previous != before.digest:
        problems.append(f"Seal {seal.number} does not follow from seal {before.number}.")
    if len(covered) != seal.records:
        problems.append(
            f"Seal {seal.number} covers {seal.records} records, but {len(covered)} are there."
        )
    elif digest_of(seal, covered) != seal.digest:
        problems.append(f"Seal {seal.number} or a record that it covers was changed.")
    return problems
