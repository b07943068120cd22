"""How good the fitting hosts are: what would be left there, and what is preferred.

A score is the weighted mean of parts from 0 to 1.  Most of it is one product of
the fleet's ``terms`` with a vector made of the request; the rest touches only the
hosts that have something to do with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heliostat.controller.scheduler.arrays import BASE, PER_CPU, PER_MIB
from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.decision import Preference
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
    rows = chosen.rows
    whole = group.only < 0 and group.rooms is columns.own_rooms
    terms = columns.arrays.terms
    vector = (1.0, -float(request.memory_mib), -float(request.cpu_count))
    if rows is None:
        disk = (1.0, -float(group.size_bytes)) if whole else (0.0, 0.0)
        score: Floats = terms[: chosen.size].dot(np.array(vector + disk))
    else:
        score = terms[:, BASE].take(rows)
        if request.memory_mib:
            score += terms[:, PER_MIB].take(rows) * vector[1]
        if request.cpu_count:
            score += terms[:, PER_CPU].take(rows) * vector[2]
    if group.only >= 0:
        score += columns.settings.weight_disk * left_after(columns, group, 0)
    elif rows is not None or not whole:
        score += chosen.of(group.rooms.left)
        if group.size_bytes:
            score -= group.size_bytes * chosen.of(group.rooms.per_byte)
    by_store = _by_store(columns, request)
    if by_store is not None:
        best = group.rooms.best
        where = best[: chosen.size] if rows is None else best.take(rows)
        score += by_store[group.only] if group.only >= 0 else by_store.take(where)
    by_host = _by_host(columns, request)
    if by_host is not None:
        score += chosen.of(by_host)
    if chosen.left is not None and chosen.count < len(score):
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
    wishes = [term for term in request.preferences if is_about_hosts(term)]
    if siblings is None and not wishes:
        return None
    bonus: Floats = np.zeros(columns.size)
    if siblings is not None:
        bonus[siblings.rows] = settings.weight_spread * (1.0 / (1.0 + siblings.counts) - 1.0)
    each = settings.weight_preference / max(1, len(request.preferences))
    for term in wishes:
        bonus[rows_of(columns, request, term)] += -each if term.negative else each
    return bonus


def scale(columns: HostColumns, request: PlacementRequest) -> tuple[float, float]:
    """What turns a weighted sum into 0 to 100: an offset, then a factor."""
    settings = columns.settings
    offset = settings.weight_spread
    weights = settings.weight_memory + settings.weight_cpu + settings.weight_disk + offset
    if request.image_digest:
        weights += settings.weight_image
    if request.preferences:
        weights += settings.weight_preference
        away = sum(term.negative for term in request.preferences if is_about_hosts(term))
        offset += settings.weight_preference * away / len(request.preferences)
    return offset, 100.0 / (weights or 1.0)


def is_about_hosts(term: Term) -> bool:
    return not term.kind.is_about_datastores


def parts_of(
    columns: HostColumns,
    request: PlacementRequest,
    group: DiskGroup,
    row: int,
    wishes: Sequence[Preference],
) -> dict[str, float]:
    """What a host's score is made of, each from 0 to 100."""
    load = columns.loads[row]
    memory = 1.0 - (load.memory_used + request.memory_mib) / load.memory_capacity
    cpu = 1.0 - (load.cpu_used + request.cpu_count) / load.cpu_capacity
    spread = 1.0 / (1.0 + columns.occupancy.machines(row, request.project_id))
    parts = {
        "memory": round(100.0 * memory, 1),
        "cpu": round(100.0 * cpu, 1),
        "disk": round(100.0 * left_after(columns, group, row), 1),
        "spread": round(100.0 * spread, 1),
    }
    if request.image_digest:
        holding = columns.stores.images.get(request.image_digest)
        there = holding is not None and best_store(group, row) in holding
        parts["image"] = 100.0 * there
    if wishes:
        parts["preference"] = round(100.0 * sum(each.met for each in wishes) / len(wishes), 1)
    return parts


def preferences_at(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, row: int
) -> tuple[Preference, ...]:
    """Which preferences a host meets."""
    number = best_store(group, row)
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
