"""What a verb decides before anything is written.

Every mutating verb is ``async (ports, caller, …) -> Admission``: it reads,
validates and decides, and writes nothing.  The API then commits the admission
(entity, quota, task and idempotency record in one commit) or answers the plan
made of the same object, so every mutating route can be planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.content.blobs import Blobs
from heliostat.controller.scheduler.placement import Decision
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.model import Problem, Task


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: subject (``user@domain``), groups (``DOMAIN\\name``) and the request's id."""

    subject: str
    groups: frozenset[str]
    is_system_admin: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class Ports:
    """The seams that verbs and steps reach the world through."""

    store: CloudStore
    clock: Clock
    ids: Ids
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class QuotaCharge:
    """What an operation adds to (or, negative, takes from) one quota line.

    ``limit`` is ``None`` where the key is tracked but not limited; ``used`` is the
    usage before; all three in ``unit``.
    """

    owner_kind: str
    owner_id: str
    key: str
    unit: str
    limit: float | None
    used: float
    asked: float


@dataclass(frozen=True, slots=True)
class Admission:
    """A decided, not yet committed operation."""

    task: Task
    guards: Sequence[Guard]
    changes: Sequence[Change]
    quota: tuple[QuotaCharge, ...] = ()
    placement: Decision | None = None
    warnings: tuple[Problem, ...] = ()
