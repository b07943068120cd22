"""Idempotency keys: the same request sent twice is carried out once.

A key is scoped by caller and route, and kept for ``KEPT_MS``.  Its record is
committed together with the task, guarded so that of two equal requests at the
same moment one commits and the other, run again, finds the record and answers
the same task.  Pure; the record's document is read by the caller.

Use: ``replayed`` before deciding, then ``record`` into the admission's commit
(or ``check``, which does both).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import Absent, AtRevision, Change, Document, Guard, Put
from heliostat.cloudstore.documents import decode
from heliostat.core.errors import PermanentError

PREFIX = "/v1/idempotency/"
KEPT_MS = 24 * 3600 * 1000


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a key: the task, for a request with this body."""

    body_hash: str
    task_id: str
    expires_ms: int
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """The request was carried out before, by this task."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Fresh:
    """The request is new: these go into the commit that carries it out."""

    guards: tuple[Guard, ...]
    changes: tuple[Change, ...]


def record_key(caller: str, route: str, key: str) -> str:
    """Where the record of a caller's key for a route lives."""
    scope = msgspec.json.encode([caller, route, key])
    return PREFIX + hashlib.sha256(scope).hexdigest()


def hash_body(body: bytes) -> str:
    """What tells two bodies apart."""
    return hashlib.sha256(body).hexdigest()


def replayed(document: Document | None, body_hash: str, now_ms: int) -> str | None:
    """The id of the task that answered the key before, or ``None`` if it is new (again).

    Raises ``PermanentError("IdempotencyConflict")`` for a key used with another body.
    """
    found = decode(IdempotencyRecord, document) if document is not None else None
    if found is None or found.expires_ms <= now_ms:
        return None
    if found.body_hash != body_hash:
        raise PermanentError(
            "IdempotencyConflict",
            "This Idempotency-Key was used before with a different request.",
            data={"taskId": found.task_id},
        )
    return found.task_id


def record(document: Document | None, key: str, body_hash: str, task_id: str, now_ms: int) -> Fresh:
    """Guards and changes that remember ``task_id`` under the record's ``key``."""
    guard: Guard = Absent(key) if document is None else AtRevision(key, document.revision)
    value = IdempotencyRecord(body_hash=body_hash, task_id=task_id, expires_ms=now_ms + KEPT_MS)
    return Fresh((guard,), (Put(key, msgspec.json.encode(value)),))


def check(
    document: Document | None, key: str, body_hash: str, task_id: str, now_ms: int
) -> Replay | Fresh:
    """Both in one: replay the earlier task, or remember this one."""
    earlier = replayed(document, body_hash, now_ms)
    if earlier is not None:
        return Replay(earlier)
    return record(document, key, body_hash, task_id, now_ms)
