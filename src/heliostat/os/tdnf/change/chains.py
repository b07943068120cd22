"""Why a package was chosen, and why nothing could be: sentences from libsolv's rules.

A refusal is a chain: from a name that was wanted, step by step along requirements, to
what is missing or in conflict.  libsolv gives the rules of the proof without order;
``chain`` orders them, and is pure.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import solv

_ENDS = {
    solv.Solver.SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP,
    solv.Solver.SOLVER_RULE_PKG_CONFLICTS,
    solv.Solver.SOLVER_RULE_PKG_OBSOLETES,
    solv.Solver.SOLVER_RULE_PKG_IMPLICIT_OBSOLETES,
    solv.Solver.SOLVER_RULE_PKG_SAME_NAME,
    solv.Solver.SOLVER_RULE_PKG_SELF_CONFLICT,
    solv.Solver.SOLVER_RULE_PKG_NOT_INSTALLABLE,
}
_CLASHES = {
    solv.Solver.SOLVER_RULE_PKG_CONFLICTS: "conflicts with",
    solv.Solver.SOLVER_RULE_PKG_OBSOLETES: "replaces",
    solv.Solver.SOLVER_RULE_PKG_IMPLICIT_OBSOLETES: "replaces",
}


@dataclass(frozen=True, slots=True)
class Need:
    """``who`` (a package, or None: the person asking) needs ``what``, which ``met_by`` provide."""

    who: str | None
    what: str
    met_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class End:
    """What stops the package ``who`` from being installed."""

    who: str
    sentence: str


def chain(needs: Sequence[Need], end: End) -> list[str]:
    """The shortest way from what was wanted to ``end``, one sentence a step."""
    ways: dict[str, list[str]] = {}
    waiting: deque[tuple[str | None, list[str]]] = deque([(None, [])])
    while waiting and end.who not in ways:
        who, steps = waiting.popleft()
        for need in needs:
            if need.who != who:
                continue
            for package in sorted(need.met_by - ways.keys()):
                ways[package] = [*steps, _need_told(need, package)]
                waiting.append((package, ways[package]))
    return [*ways.get(end.who, []), end.sentence]


def _need_told(need: Need, package: str) -> str:
    given = "" if need.what == _name_of(package) else f", which {package} provides"
    return f"{need.who or 'the list of packages'} needs {need.what}{given}"


def _name_of(package: str) -> str:
    return package.rsplit("-", 2)[0]


def chains_of(
    pool: solv.Pool,
    problems: Iterable[solv.Problem],
    wanted: Iterable[str],
    excluded: frozenset[str],
) -> list[list[str]]:
    """One chain for every end of every problem, without repetition."""
    found: list[list[str]] = []
    asked = [Need(None, name, _met_by(pool, pool.Dep(name))) for name in wanted]
    for problem in problems:
        infos = [info for rule in problem.findallproblemrules() for info in rule.allinfos()]
        needs = asked + [_need(info) for info in infos if _is_need(info)]
        ends = dict.fromkeys(_end(info, excluded) for info in infos if info.type in _ENDS)
        for each in ends:
            steps = chain(needs, each)
            if steps not in found:
                found.append(steps)
        if not ends:
            found.append([str(problem)])
    return found


def _is_need(info: solv.Ruleinfo) -> bool:
    return bool(info.type == solv.Solver.SOLVER_RULE_PKG_REQUIRES)


def _need(info: solv.Ruleinfo) -> Need:
    return Need(str(info.solvable), str(info.dep), _met_by(info.solv.pool, info.dep))


def _met_by(pool: solv.Pool, dep: solv.Dep) -> frozenset[str]:
    return frozenset(str(each) for each in pool.whatprovides(dep))


def _end(info: solv.Ruleinfo, excluded: frozenset[str]) -> End:
    who = str(info.solvable)
    if info.type == solv.Solver.SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
        return End(who, _missing_told(who, info, excluded))
    if info.type in _CLASHES:
        return End(who, f"{who} {_CLASHES[info.type]} {info.othersolvable}")
    if info.type == solv.Solver.SOLVER_RULE_PKG_SAME_NAME:
        return End(who, f"{who} and {info.othersolvable} can't both be installed")
    if info.type == solv.Solver.SOLVER_RULE_PKG_NOT_INSTALLABLE:
        return End(who, f"{who} isn't for this architecture")
    return End(who, str(info.problemstr()))


def _missing_told(who: str, info: solv.Ruleinfo, excluded: frozenset[str]) -> str:
    """Names what nearly would do: other versions, or packages that were excluded."""
    wanted = str(info.dep)
    name = wanted.split(" ", 1)[0].lstrip("(")
    if name in excluded:
        return f"{who} needs {wanted}, and {name} is excluded"
    pool = info.solv.pool
    near = sorted({str(each) for each in pool.whatprovides(pool.Dep(name))})
    there = f" (there is {', '.join(near[:3])})" if near else ""
    return f"{who} needs {wanted}, which no package provides{there}"


def unknown_names(pool: solv.Pool, names: Iterable[str]) -> list[list[str]]:
    """A chain of one sentence for each name that no package has."""
    known = sorted({each.name for each in pool.solvables})
    return [[_unknown_told(name, known)] for name in names]


def _unknown_told(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"the list of packages needs {name}, which no package is called or provides{meant}"


def reason_for(solvable: solv.XSolvable, solver: solv.Solver) -> str:
    """The sentence that says who wanted ``solvable``."""
    decision = solver.get_decision(solvable)
    info = decision.info() if decision is not None else None
    if info is None:
        return "chosen"
    if info.type == solv.Solver.SOLVER_RULE_PKG_REQUIRES:
        return f"{info.solvable} needs {info.dep}"
    if info.type == solv.Solver.SOLVER_RULE_JOB:
        return "named by the list of packages"
    return str(decision.reasonstr())
