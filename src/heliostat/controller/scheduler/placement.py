"""The choice of a host: constraints first, then the exact best of what is left.

Pure: it reads the columns and changes nothing.  Every fitting host is scored, so
the winner is the best and not the best of a sample.  Equal scores are told apart
by ``tie_break``, so that controllers that decide at the same moment don't all
choose the same host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heliostat.controller.scheduler.columns import HostColumns
from heliostat.controller.scheduler.decision import Candidate, Decision, Preference, Reason
from heliostat.controller.scheduler.request import DiskAsk, PlacementRequest, Term, TermKind
from heliostat.controller.scheduler.scoring import (
    RULED_OUT,
    Siblings,
    parts_of,
    preferences_at,
    scale,
    scores,
)
from heliostat.controller.scheduler.selection import Selection, select, with_room
from heliostat.controller.scheduler.sentences import praise, refusal
from heliostat.controller.scheduler.storage import (
    DiskGroup,
    assign,
    best_store,
    groups_of,
    is_there,
)
from heliostat.controller.scheduler.tally import Floats

__all__ = [
    "Candidate",
    "Decision",
    "DiskAsk",
    "PlacementRequest",
    "Preference",
    "Reason",
    "Term",
    "TermKind",
    "choose",
]

# When nothing fits, the first of these reasons that ruled out a host names the error.
_CODES = (
    (Reason.CPU, "NotEnoughCpuResource"),
    (Reason.MEMORY, "NotEnoughMemoryResource"),
    (Reason.DISK, "NotEnoughDatastoreCapacity"),
    (Reason.KEEPS_AWAY, "UnfullfillableAffinities"),
    (Reason.KEPT_AWAY, "UnfullfillableAffinities"),
)
_SAME = 1e-12


def choose(columns: HostColumns, request: PlacementRequest, *, tie_break: int = 0) -> Decision:
    """The best host for ``request``, or why there is none."""
    wishes = [term for term in request.preferences if term.kind.is_about_datastores]
    found = _find(columns, request, (), tie_break)
    if wishes:  # a host may have a datastore that is preferred and one that has more room
        preferred = _find(columns, request, wishes, tie_break)
        if preferred.scores[:1] > found.scores[:1]:
            found = preferred
    if not found.rows:
        return _refuse(columns, request, found)
    return _decide(columns, request, found)


@dataclass(slots=True)
class _Found:
    """The best rows, best first, with their weighted sums, and the datastore of each disk."""

    chosen: Selection
    groups: list[DiskGroup]
    rows: list[int]
    scores: list[float]
    datastores: dict[str, int]


def _find(
    columns: HostColumns, request: PlacementRequest, more: Sequence[Term], tie_break: int
) -> _Found:
    groups = groups_of(columns, request, more)
    before = chosen = select(columns, request, groups)
    if len(request.disks) > 1:
        chosen = before.copy()
    with_room(columns, groups, chosen)
    if chosen.count:
        chosen.settle()
        score = scores(columns, request, groups[0], chosen)
        if len(groups) == 1:
            siblings = Siblings(columns, request)
            order, sums = _best(columns, score, chosen, siblings, tie_break)
            rows = order if chosen.rows is None else [int(chosen.rows[place]) for place in order]
            datastores = _on_one(columns, groups[0], rows[0])
            return _Found(chosen, groups, rows, sums, datastores)
        score += chosen.of(Siblings(columns, request).at_all(columns.size))
        found = _first_that_holds(columns, groups, chosen, score)
        if found is not None:
            return found
    if len(request.disks) > 1 and before.count:
        score = scores(columns, request, groups[0], before)
        score += before.of(Siblings(columns, request).at_all(columns.size))
        found = _first_that_holds(columns, groups, before, score)
        if found is not None:
            return found
        chosen = before
        chosen.none(Reason.DISK)
    return _Found(chosen, groups, [], [], {})


def _on_one(columns: HostColumns, group: DiskGroup, row: int) -> dict[str, int]:
    number = best_store(columns, group, row)
    return {disk.id: number for disk in group.disks if disk.id}


def _first_that_holds(
    columns: HostColumns, groups: list[DiskGroup], chosen: Selection, score: Floats
) -> _Found | None:
    """The best host on which every disk finds its datastore; those before it are ruled out."""
    for place in np.argsort(-score, kind="stable")[: chosen.count].tolist():
        row = place if chosen.rows is None else int(chosen.rows[place])
        datastores = assign(columns, groups, row)
        if datastores is not None:
            return _Found(chosen, groups, [row], [float(score[place])], datastores)
        passed = np.ones(chosen.looked_at, dtype=np.bool_)
        passed[place] = False
        chosen.keep(Reason.DISK, passed)
    return None


def _best(
    columns: HostColumns, score: Floats, chosen: Selection, siblings: Siblings, tie_break: int
) -> tuple[list[int], list[float]]:
    """The places of the best scores, best first, and these scores; ``score`` is used up."""
    exact: set[int] = set()
    told_apart = False
    order: list[int] = []
    sums: list[float] = []
    wanted = min(chosen.count, max(columns.settings.ranking, 2))
    while len(order) < wanted:
        place = int(score.argmax())
        if place not in exact:
            exact.add(place)
            lost = siblings.at(place if chosen.rows is None else int(chosen.rows[place]))
            if lost:
                score[place] += lost
                continue
        top = float(score[place])
        if len(order) == 1 and not told_apart and top >= sums[0] - _SAME:
            told_apart = True
            score[order[0]] = sums[0]
            place = _told_apart(columns, score, chosen, siblings, exact, order[0], tie_break)
            order, sums, top = [], [], float(score[place])
        order.append(place)
        sums.append(top)
        score[place] = 2 * RULED_OUT
    shown = max(columns.settings.ranking, 1)
    return order[:shown], sums[:shown]


def _told_apart(
    columns: HostColumns,
    score: Floats,
    chosen: Selection,
    siblings: Siblings,
    exact: set[int],
    place: int,
    tie_break: int,
) -> int:
    """Which of the best it is to be, of which ``place`` is one."""
    least = score[place] - _SAME
    equal = np.flatnonzero(score >= least)
    rows = equal if chosen.rows is None else chosen.rows[equal]
    lost = siblings.at_all(columns.size)[rows]
    lost[[each in exact for each in equal.tolist()]] = 0.0
    score[equal] += lost
    exact.update(equal.tolist())
    turned = columns.arrays.salt[rows] ^ np.uint32(tie_break & 0xFFFFFFFF)
    left = np.flatnonzero(score[equal] >= least)
    return int(equal[left[turned[left].argmin()]])


def _decide(columns: HostColumns, request: PlacementRequest, found: _Found) -> Decision:
    group, chosen, row = found.groups[0], found.chosen, found.rows[0]
    wishes = preferences_at(columns, request, group, row) if request.preferences else ()
    parts = parts_of(columns, request, group, row, wishes)
    offset, factor = scale(columns, request)
    ranking: list[Candidate] = []
    for each, score in zip(found.rows, found.scores, strict=True):
        host, of_100 = columns.hosts[each], round(factor * (score + offset), 2)
        assert host is not None
        if ranking:
            ranking.append(Candidate(host_id=host.id, address=host.address, score=of_100))
        else:
            best = Candidate(host_id=host.id, address=host.address, score=of_100, parts=parts)
            ranking.append(best)
    best = ranking[0]
    ids = columns.stores.ids
    return Decision(
        host_id=best.host_id,
        address=best.address,
        score=best.score,
        considered=len(columns),
        ruled_out=chosen.ruled_out,
        reason=praise(best, len(columns), chosen.count, chosen.ruled_out, wishes),
        ranking=tuple(ranking),
        datastores={disk_id: ids[number] for disk_id, number in found.datastores.items()},
        preferences=wishes,
    )


def _refuse(columns: HostColumns, request: PlacementRequest, found: _Found) -> Decision:
    ruled_out = found.chosen.ruled_out
    code = next((code for reason, code in _CODES if reason in ruled_out), "NoSuchResource")
    missing = [group for group in found.groups if not is_there(columns, group)]
    if len(columns) and missing and missing[0].is_narrowed:
        code = "UnfullfillableDiskAffinities"
    return Decision(
        host_id=None,
        score=0.0,
        considered=len(columns),
        ruled_out=ruled_out,
        reason=refusal(len(columns), ruled_out, request),
        code=code,
    )
