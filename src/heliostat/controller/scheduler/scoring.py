"""How good the fitting hosts are: what would be left there, and what is preferred.

A score is the weighted mean of parts from 0 to 1.  Most of it is one product of
the fleet's ``terms`` with a vector made of the request; the rest touches only the
hosts that have something to do with it.
"""

from __future__ import annotations

import numpy as np

from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.decision import Candidate, Preference
from heliostat.controller.scheduler.request import PlacementRequest, Term
from heliostat.controller.scheduler.selection import Selection, rows_of
from heliostat.controller.scheduler.storage import DiskGroup, best_store, left_after, meets
from heliostat.controller.scheduler.tally import Floats, Rows

RULED_OUT = -1e30
"""Far below every score."""


def scores(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, chosen: Selection
) -> Floats:
    """The weighted sum of every host looked at; those ruled out are far below.

    ``group`` is the one whose datastore counts: the largest.
    """
    settings, size = columns.settings, columns.size
    whole = not group.is_narrowed
    vector = np.array(
        [
            1.0,
            -float(request.memory_mib),
            -float(request.cpu_count),
            settings.weight_disk if whole else 0.0,
            -settings.weight_disk * group.size_bytes if whole else 0.0,
        ]
    )
    terms = columns.arrays.terms
    score: Floats = (terms[:size] if chosen.rows is None else terms[chosen.rows]).dot(vector)
    if not whole and group.only < 0:
        rooms = group.rooms
        left = chosen.of(rooms.left) - group.size_bytes * chosen.of(rooms.per_byte)
        score += settings.weight_disk * left
    by_store = _by_store(columns, request)
    if group.only >= 0:
        score += settings.weight_disk * float(left_after(columns, group, _ONE)[0])
        score += 0.0 if by_store is None else by_store[group.only]
    elif by_store is not None:
        best = group.rooms.best
        score += by_store[best[:size] if chosen.rows is None else best[chosen.rows]]
    by_host = _by_host(columns, request)
    if by_host is not None:
        score += by_host if chosen.rows is None else by_host[chosen.rows]
    if chosen.count < len(score):
        score += np.multiply(~chosen.left, RULED_OUT)
    return score


def _by_store(columns: HostColumns, request: PlacementRequest) -> Floats | None:
    """What a datastore adds to the score of the hosts where it is the best one."""
    stores, settings = columns.stores, columns.settings
    holding = stores.images.rows(request.image_digest) if request.image_digest else _NONE
    wishes = [term for term in request.preferences if term.kind.is_about_datastores]
    if not (holding.size or wishes):
        return None
    bonus: Floats = np.zeros(len(stores.room))
    bonus[holding] = settings.weight_image
    for term in wishes:
        met = [number for number in range(1, len(stores.ids)) if meets(stores, term, number)]
        bonus[met] += settings.weight_preference / len(request.preferences)
    return bonus


def _by_host(columns: HostColumns, request: PlacementRequest) -> Floats | None:
    """What a host adds: fewer machines of the same project, preferences that it meets.

    A host without machines of the project is the measure, so that only others are touched.
    """
    settings = columns.settings
    siblings = columns.occupancy.projects.get(request.project_id) if request.project_id else None
    wishes = [term for term in request.preferences if not term.kind.is_about_datastores]
    if siblings is None and not wishes:
        return None
    bonus: Floats = np.zeros(columns.size)
    if siblings is not None:
        bonus[siblings.rows] = settings.weight_spread * (1.0 / (1.0 + siblings.counts) - 1.0)
    each = settings.weight_preference / max(1, len(request.preferences))
    for term in wishes:
        bonus[rows_of(columns, request, term)] += -each if term.negative else each
    return bonus


def candidates(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, rows: Rows
) -> tuple[Candidate, ...]:
    """``rows`` with their scores and the parts of them."""
    parts = _parts(columns, request, group, rows)
    weights = _weights(columns, request)
    score = sum(parts[name] * weight for name, weight in weights.items())
    scores = np.round(100.0 / (sum(weights.values()) or 1.0) * score, 2).tolist()
    table = np.round(100.0 * np.array([parts[name] for name in weights]), 1).T.tolist()
    names = list(weights)
    found = []
    for row, total, values in zip(rows.tolist(), scores, table, strict=True):
        host = columns.hosts[row]
        assert host is not None
        found.append(
            Candidate(
                host_id=host.id,
                address=host.address,
                score=total,
                parts=dict(zip(names, values, strict=True)),
            )
        )
    return tuple(found)


def _parts(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, rows: Rows
) -> dict[str, Floats]:
    arrays, occupancy = columns.arrays, columns.occupancy
    used = arrays.memory_used[rows] + request.memory_mib
    cpus = arrays.cpu_used[rows] + request.cpu_count
    parts = {
        "memory": 1.0 - used / arrays.memory_capacity[rows],
        "cpu": 1.0 - cpus / arrays.cpu_capacity[rows],
        "disk": left_after(columns, group, rows),
        "spread": np.array(
            [1.0 / (1.0 + occupancy.machines(row, request.project_id)) for row in rows.tolist()]
        ),
    }
    if request.image_digest:
        holding = columns.stores.images.get(request.image_digest)
        best = best_store(group, rows).tolist()
        parts["image"] = np.array(
            [1.0 if holding is not None and number in holding else 0.0 for number in best]
        )
    if request.preferences:
        met = [
            [each.met for each in preferences_at(columns, request, group, row)]
            for row in rows.tolist()
        ]
        parts["preference"] = np.array([sum(each) / len(each) for each in met])
    return parts


def _weights(columns: HostColumns, request: PlacementRequest) -> dict[str, float]:
    settings = columns.settings
    weights = {
        "memory": settings.weight_memory,
        "cpu": settings.weight_cpu,
        "disk": settings.weight_disk,
        "spread": settings.weight_spread,
    }
    if request.image_digest:
        weights["image"] = settings.weight_image
    if request.preferences:
        weights["preference"] = settings.weight_preference
    return weights


def preferences_at(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, row: int
) -> tuple[Preference, ...]:
    """Which preferences a host meets."""
    number = int(best_store(group, np.array([row]))[0])
    return tuple(
        Preference(wish=term.words(), met=_met(columns, request, term, row, number))
        for term in request.preferences
    )


def _met(
    columns: HostColumns, request: PlacementRequest, term: Term, row: int, number: int
) -> bool:
    if term.kind.is_about_datastores:
        return meets(columns.stores, term, number)
    return bool((rows_of(columns, request, term) == row).any()) is not term.negative


_NONE: Rows = np.empty(0, dtype=np.intp)
_ONE: Rows = np.zeros(1, dtype=np.intp)
