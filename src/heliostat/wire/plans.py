"""What a mutating call would do: the answer to ``?plan=true``."""

from __future__ import annotations

from typing import Any

from heliostat.wire.body import EntityRef, Response
from heliostat.wire.errors import ApiError


class PlanStep(Response):
    """A step that would run, and how long such steps took lately (0: unknown)."""

    operation: str
    sequence: int
    expected_s: float


class PlanQuota(Response):
    """What would be charged to one quota line; no ``limit`` where the key is only tracked."""

    owner: EntityRef
    key: str
    unit: str
    used: float
    asked: float
    limit: float | None = None


class PlanPlacement(Response):
    """Where it would be placed now, and why; ``host_id`` is empty when nothing fits.

    ``address`` is the host's.
    """

    host_id: str
    reason: str
    considered: int
    ruled_out: dict[str, int]
    address: str = ""
    data: dict[str, Any] = {}


class PlanEstimate(Response):
    """How long it would usually take, from the history of the same steps."""

    seconds: float
    basis: str
    seldom_above_s: float = 0.0


class PlanItem(Response):
    """One of many things that an operation is about."""

    id: str
    name: str


class Plan(Response):
    """A decided operation that was not carried out.

    ``items`` where it is about many things; ``changes`` are sentences about what would be.
    """

    operation: str
    entity: EntityRef
    steps: list[PlanStep]
    quota: list[PlanQuota]
    warnings: list[ApiError]
    placement: PlanPlacement | None = None
    estimate: PlanEstimate | None = None
    items: list[PlanItem] = []
    changes: list[str] = []
