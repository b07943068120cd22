"""How good the fitting hosts are: what would be left there, and what is preferred.

A score is the weighted mean of parts from 0 to 1.  Most of it is one product of
the fleet's ``terms`` with a vector made of the request; the rest touches only the
hosts that have something to do with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    """The weighted sum of every host looked at, without ``Siblings``; those ruled out
    are far below.

    ``group`` is the one whose datastore counts: the largest.
    """
    rows = chosen.rows
    terms = columns.arrays.terms
    vector = np.array((1.0, -request.memory_mib, -request.cpu_count, 0.0))
    looked_at = terms[: chosen.size] if rows is None else terms.take(rows, axis=0)
    score: Floats = looked_at.dot(vector)
    by_store = _by_store(columns, request)
    if group.only < 0:
        score += _by_shelf(columns, group, chosen.shelves(columns), by_store)
    else:
        score += columns.settings.weight_disk * left_after(columns, group, 0)
        if by_store is not None:
            score += by_store[group.only]
    by_host = _by_preference(columns, request)
    if by_host is not None:
        score += chosen.of(by_host)
    if chosen.left is not None and chosen.count < len(score):
        score += np.multiply(~chosen.left, RULED_OUT)
    return score


def _by_shelf(
    columns: HostColumns, group: DiskGroup, shelves: Rows, by_store: Floats | None
) -> Floats:
    """What the best datastore of each of ``shelves`` adds; worked out once for each shelf
    where these are fewer than what is asked for."""
    rooms, count = group.rooms, columns.stores.shelves
    best, left, per_byte = rooms.best, rooms.left, rooms.per_byte
    once = count < len(shelves)
    if once:
        best, left, per_byte = best[:count], left[:count], per_byte[:count]
    else:
        best, left, per_byte = best.take(shelves), left.take(shelves), per_byte.take(shelves)
    value: Floats = left - group.size_bytes * per_byte
    if by_store is not None:
        value += by_store.take(best)
    return value.take(shelves) if once else value


def _by_store(columns: HostColumns, request: PlacementRequest) -> Floats | None:
    """What a datastore adds to the score of the hosts where it is the best one."""
    stores, settings = columns.stores, columns.settings
    holding = stores.with_image(request.image_digest) if request.image_digest else None
    wishes = [term for term in request.preferences if term.kind.is_about_datastores]
    if not wishes:
        return holding
    bonus: Floats = np.zeros(len(stores.room)) if holding is None else holding.copy()
    for term in wishes:
        met = [number for number in range(1, len(stores.ids)) if meets(stores, term, number)]
        bonus[met] += settings.weight_preference / len(request.preferences)
    return bonus


def _by_preference(columns: HostColumns, request: PlacementRequest) -> Floats | None:
    """What a host adds by the preferences that it meets."""
    wishes = [term for term in request.preferences if is_about_hosts(term)]
    if not wishes:
        return None
    bonus: Floats = np.zeros(columns.size)
    each = columns.settings.weight_preference / len(request.preferences)
    for term in wishes:
        bonus[rows_of(columns, request, term)] += -each if term.negative else each
    return bonus


class Siblings:
    """What machines of the same project on a host take from its score.

    A host without any is the measure, so nothing is ever added: a host that is best without
    this need only be looked at again if it has siblings, and the others not at all.
    """

    def __init__(self, columns: HostColumns, request: PlacementRequest) -> None:
        projects, project_id = columns.occupancy.projects, request.project_id
        self._tally = projects.get(project_id) if project_id else None
        self._weight = columns.settings.weight_spread

    def at(self, row: int) -> float:
        """What one host loses (0 or less)."""
        count = 0 if self._tally is None else self._tally.count(row)
        return self._weight * (1.0 / (1.0 + count) - 1.0) if count else 0.0

    def at_all(self, size: int) -> Floats:
        """The same of ``size`` hosts."""
        lost: Floats = np.zeros(size)
        if self._tally is not None:
            lost[self._tally.rows] = self._weight * (1.0 / (1.0 + self._tally.counts) - 1.0)
        return lost


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
        there = holding is not None and best_store(columns, group, row) in holding
        parts["image"] = 100.0 * there
    if wishes:
        parts["preference"] = round(100.0 * sum(each.met for each in wishes) / len(wishes), 1)
    return parts


def preferences_at(
    columns: HostColumns, request: PlacementRequest, group: DiskGroup, row: int
) -> tuple[Preference, ...]:
    """Which preferences a host meets."""
    number = best_store(columns, group, row)
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
