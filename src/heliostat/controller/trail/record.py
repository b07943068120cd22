"""One record of the audit trail, and where records lie.

Keys count down with time, so that lists show the newest first.  A record is
written once and never again; only retention removes it, long after.  No record
holds a body, a header, a query or a password.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from heliostat.cloudstore.documents import Kind

LATEST_MS = 9_999_999_999_999
"""Milliseconds up to the year 2286 have as many digits as this."""


class Result(StrEnum):
    """How a request ended: carried out (or accepted as a task), not allowed, or failed."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Proof(StrEnum):
    """How the caller proved who it is."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a kind of proof, no token
    PEER = "peer"
    TICKET = "ticket"
    PASSWORD = "password"  # noqa: S105 - as above
    KEY = "key"


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``address`` is where the request came from, ``uid`` the Unix user on a local socket.

    ``count`` above 1 stands for as many requests that were not recorded one by one.
    """

    id: str
    time_ms: int
    operation: str
    result: Result
    status: int
    subject: str = ""
    proof: Proof = Proof.NONE
    client: str = ""
    method: str = ""
    path: str = ""
    entity_kind: str = ""
    entity_id: str = ""
    tenant_id: str = ""
    project_id: str = ""
    address: str = ""
    uid: int | None = None
    code: str = ""
    task_id: str = ""
    request_id: str = ""
    count: int = 1
    schema: int = 1


def record_id(time_ms: int, unique: str) -> str:
    """The id of a record: later ones sort first."""
    return f"{LATEST_MS - time_ms:013d}-{unique}"


def result_of(status: int) -> Result:
    if status < 400:
        return Result.DONE
    return Result.REFUSED if status in (401, 403) else Result.FAILED


def _entity(record: Record) -> Iterable[str]:
    return (record.entity_id,) if record.entity_id else ()


def _tenant(record: Record) -> Iterable[str]:
    return (record.tenant_id,) if record.tenant_id else ()


RECORDS: Kind[Record] = Kind("audit", Record, {"entity": _entity, "tenant": _tenant})
