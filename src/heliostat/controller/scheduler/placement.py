"""The choice of a host: constraints first, then the exact best of what is left.

Pure.  A host is ruled out by the first constraint it fails, in the order of
:class:`Reason`, so the counts by reason and the fitting hosts always add up to
the hosts considered.  Equal scores are told apart by ``tie_break``, so that
controllers that decide at the same moment don't all choose the same host.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heliostat.controller.model.host import UsageTag
from heliostat.controller.scheduler.columns import Bools, Floats, HostColumns
from heliostat.controller.scheduler.decision import Candidate, Decision, PlacementRequest, Reason
from heliostat.controller.scheduler.sentences import praise, refusal
from heliostat.controller.scheduler.settings import SchedulerSettings

__all__ = ["Candidate", "Decision", "PlacementRequest", "Reason", "choose"]

_NO_INDEX = np.array([], dtype=np.intp)


# When nothing fits, the first of these reasons that ruled out a host names the error.
_CODES = (
    (Reason.CPU, "NotEnoughCpuResource"),
    (Reason.MEMORY, "NotEnoughMemoryResource"),
    (Reason.DISK, "NotEnoughDatastoreCapacity"),
)


def choose(
    columns: HostColumns,
    request: PlacementRequest,
    *,
    tie_break: int = 0,
    settings: SchedulerSettings | None = None,
) -> Decision:
    """The best host for ``request``, or why there is none."""
    settings = settings if settings is not None else SchedulerSettings()
    fits, ruled_out = _filter(columns, request, settings)
    if fits.size == 0:
        return _refusal(len(columns), ruled_out, request)
    parts = _scores(columns, request, settings, fits)
    weights = _weights(settings)
    total = sum(weights.values()) or 1.0
    score: Floats = np.zeros(fits.size)
    for name, weight in weights.items():
        score += parts[name] * (weight / total)
    order = _best(score, columns, fits, tie_break, settings.ranking)
    ranking = tuple(
        Candidate(
            host_id=columns.ids[int(fits[index])],
            score=round(100 * float(score[index]), 3),
            parts={name: round(100 * float(values[index]), 1) for name, values in parts.items()},
        )
        for index in order
    )
    best = ranking[0]
    return Decision(
        host_id=best.host_id,
        score=best.score,
        considered=len(columns),
        ruled_out=ruled_out,
        reason=praise(best, len(columns), int(fits.size), ruled_out),
        ranking=ranking,
    )


def _filter(
    columns: HostColumns, request: PlacementRequest, settings: SchedulerSettings
) -> tuple[NDArray[np.intp], dict[str, int]]:
    """Indexes of the hosts that fit, and how many each reason ruled out."""
    left = np.ones(len(columns), dtype=np.bool_)
    remaining = len(columns)
    ruled_out: dict[str, int] = {}
    for reason, passed in _constraints(columns, request, settings):
        left &= passed
        kept = int(np.count_nonzero(left))
        if kept < remaining:
            ruled_out[str(reason)] = remaining - kept
            remaining = kept
        if not remaining:
            return _NO_INDEX, ruled_out
    return np.flatnonzero(left), ruled_out


def _constraints(
    columns: HostColumns, request: PlacementRequest, settings: SchedulerSettings
) -> list[tuple[Reason, Bools]]:
    usage = columns.cloud if request.usage is UsageTag.CLOUD else columns.mgmt
    checks = [(Reason.STATE, columns.ready), (Reason.AGENT, columns.active), (Reason.USAGE, usage)]
    if request.host_id:
        only = np.zeros(len(columns), dtype=np.bool_)
        if request.host_id in columns.position:
            only[columns.position[request.host_id]] = True
        checks.append((Reason.HOST, only))
    if request.zone:
        checks.append((Reason.ZONE, columns.zone == columns.code(request.zone)))
    if request.datastore:
        checks.append((Reason.DATASTORE, columns.datastore == columns.code(request.datastore)))
    if request.cpu_count:
        cpus = columns.cpu_total * settings.cpu_overcommit
        checks.append((Reason.CPU, columns.cpu_used + request.cpu_count <= cpus))
    if request.memory_mib:
        memory = columns.memory_total * (settings.memory_overcommit * settings.fill_limit)
        checks.append((Reason.MEMORY, columns.memory_used + request.memory_mib <= memory))
    promised = columns.disk_total * (settings.disk_overcommit * settings.fill_limit)
    room = columns.disk_free * settings.disk_overcommit
    enough = (columns.disk_used + request.disk_bytes <= promised) & (request.disk_bytes <= room)
    checks.append((Reason.DISK, enough))
    return checks


def _scores(
    columns: HostColumns,
    request: PlacementRequest,
    settings: SchedulerSettings,
    fits: NDArray[np.intp],
) -> dict[str, Floats]:
    """What would be left on each fitting host, as fractions of what it has, and preferences."""
    cpus = columns.cpu_total[fits] * settings.cpu_overcommit
    memory = columns.memory_total[fits] * settings.memory_overcommit
    disk = columns.disk_total[fits] * settings.disk_overcommit
    has_image = np.zeros(len(columns))
    has_image[columns.image_hosts.get(request.image_digest, _NO_INDEX)] = 1.0
    siblings = np.zeros(len(columns))
    if request.project_id in columns.project_hosts:
        where, counts = columns.project_hosts[request.project_id]
        siblings[where] = counts
    return {
        "memory": _left(columns.memory_used[fits] + request.memory_mib, memory),
        "cpu": _left(columns.cpu_used[fits] + request.cpu_count, cpus),
        "disk": _left(columns.disk_used[fits] + request.disk_bytes, disk),
        "image": has_image[fits],
        "spread": 1.0 / (1.0 + siblings[fits]),
    }


def _left(used: Floats, total: Floats) -> Floats:
    left: Floats = np.clip(1.0 - used / np.maximum(total, 1.0), 0.0, 1.0)
    return left


def _weights(settings: SchedulerSettings) -> dict[str, float]:
    return {
        "memory": settings.weight_memory,
        "cpu": settings.weight_cpu,
        "disk": settings.weight_disk,
        "image": settings.weight_image,
        "spread": settings.weight_spread,
    }


def _best(
    score: Floats, columns: HostColumns, fits: NDArray[np.intp], tie_break: int, count: int
) -> list[int]:
    """Positions in ``fits`` of the ``count`` best, best first; ties rotated by ``tie_break``."""
    count = max(1, min(count, score.size))
    if score.size > count:
        threshold = np.partition(score, score.size - count)[score.size - count]
        pool = np.flatnonzero(score >= threshold)
    else:
        pool = np.arange(score.size)
    turned = (fits[pool] + tie_break) % len(columns)
    order = np.lexsort((turned, -score[pool]))[:count]
    return [int(pool[index]) for index in order]


def _refusal(considered: int, ruled_out: dict[str, int], request: PlacementRequest) -> Decision:
    code = next((code for reason, code in _CODES if str(reason) in ruled_out), "NoSuchResource")
    return Decision(
        host_id=None,
        score=0.0,
        considered=considered,
        ruled_out=ruled_out,
        reason=refusal(considered, ruled_out, request),
        code=code,
    )
