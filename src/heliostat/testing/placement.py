"""Placement as a plain loop over hosts: what the columns are checked and measured against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from heliostat.controller.model.host import HostInventory, HostState
from heliostat.controller.scheduler.columns import HostRow
from heliostat.controller.scheduler.placement import PlacementRequest, Reason
from heliostat.controller.scheduler.settings import SchedulerSettings

_NOTHING = HostInventory(
    id="",
    hostname="",
    cpu_count=0,
    memory_mib=0,
    disk_total_bytes=0,
    disk_free_bytes=0,
    datastore="",
    accelerator="",
    hypervisor="",
    agent_version="",
)


@dataclass(frozen=True, slots=True)
class Loop:
    """The score (0..1) of each host that fits, and how many each reason ruled out."""

    scores: dict[str, float]
    ruled_out: dict[str, int]


def best_by_loop(
    rows: Iterable[HostRow], request: PlacementRequest, settings: SchedulerSettings
) -> Loop:
    """Judge every host by itself."""
    scores: dict[str, float] = {}
    ruled_out: Counter[str] = Counter()
    for row in rows:
        reason = rule_out(row, request, settings)
        if reason is None:
            scores[row.host.id] = score(row, request, settings)
        else:
            ruled_out[str(reason)] += 1
    return Loop(scores, dict(ruled_out))


def rule_out(row: HostRow, request: PlacementRequest, settings: SchedulerSettings) -> Reason | None:
    """The first constraint that the host fails."""
    has, held = row.inventory or _NOTHING, row.reservation
    checks = (
        (Reason.STATE, row.host.state is HostState.READY),
        (Reason.AGENT, row.agent_active),
        (Reason.USAGE, request.usage in row.host.usage_tags),
        (Reason.HOST, request.host_id in ("", row.host.id)),
        (Reason.ZONE, request.zone in ("", row.host.zone)),
        (Reason.DATASTORE, request.datastore in ("", has.datastore)),
        (
            Reason.CPU,
            not request.cpu_count
            or held.cpu_count + request.cpu_count <= has.cpu_count * settings.cpu_overcommit,
        ),
        (
            Reason.MEMORY,
            not request.memory_mib
            or held.memory_mib + request.memory_mib
            <= has.memory_mib * (settings.memory_overcommit * settings.fill_limit),
        ),
        (
            Reason.DISK,
            held.disk_bytes + request.disk_bytes
            <= has.disk_total_bytes * (settings.disk_overcommit * settings.fill_limit)
            and request.disk_bytes <= has.disk_free_bytes * settings.disk_overcommit,
        ),
    )
    return next((reason for reason, passed in checks if not passed), None)


def score(row: HostRow, request: PlacementRequest, settings: SchedulerSettings) -> float:
    """The weighted mean of what would be left and what is preferred."""
    has, held = row.inventory or _NOTHING, row.reservation
    parts = (
        (
            settings.weight_memory,
            _left(
                held.memory_mib + request.memory_mib, has.memory_mib * settings.memory_overcommit
            ),
        ),
        (
            settings.weight_cpu,
            _left(held.cpu_count + request.cpu_count, has.cpu_count * settings.cpu_overcommit),
        ),
        (
            settings.weight_disk,
            _left(
                held.disk_bytes + request.disk_bytes,
                has.disk_total_bytes * settings.disk_overcommit,
            ),
        ),
        (settings.weight_image, float(request.image_digest in has.images)),
        (settings.weight_spread, 1 / (1 + row.project_vms.get(request.project_id, 0))),
    )
    return sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)


def _left(used: float, total: float) -> float:
    return min(1.0, max(0.0, 1 - used / max(total, 1.0)))
