"""Packages that come because others recommend them, or because they supplement others.

What was recommended before and isn't there was left out or erased by somebody: an update
doesn't bring it back.  The C tdnf does; dnf has learnt not to.
"""

from __future__ import annotations

import solv


def declined(pool: solv.Pool, solver: solv.Solver) -> list[solv.Job]:
    """Jobs against what was recommended before, too, and isn't there: somebody wanted it so."""
    flags = solv.Job.SOLVER_EXCLUDEFROMWEAK | solv.Job.SOLVER_SOLVABLE
    return [
        pool.Job(flags, each.id)
        for each in solver.transaction().newsolvables()
        if solver.describe_decision(each)[0] == solv.Solver.SOLVER_REASON_WEAKDEP
        and all(_was_so(pool, *why) for why in solver.describe_weakdep_decision(each))
    ]


def _was_so(pool: solv.Pool, reason: int, other: solv.XSolvable | None, dep: solv.Dep) -> bool:
    """Whether what is installed recommends ``dep`` already, or is what ``dep`` supplements."""
    if reason != solv.Solver.SOLVER_REASON_RECOMMENDED or other is None:
        return any(each.isinstalled() for each in pool.whatprovides(dep))
    return any(
        each.isinstalled()
        and any(one.id == dep.id for one in each.lookup_deparray(solv.SOLVABLE_RECOMMENDS))
        for each in pool.select(other.name, solv.Selection.SELECTION_NAME).solvables()
    )


def why_weakly(solver: solv.Solver, package: solv.XSolvable) -> str:
    """Who recommends it."""
    for reason, other, dep in solver.describe_weakdep_decision(package):
        if reason == solv.Solver.SOLVER_REASON_RECOMMENDED:
            return f"{other} recommends {dep}"
    return f"{package} supplements what is there"
