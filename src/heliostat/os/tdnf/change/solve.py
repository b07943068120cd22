"""From wishes to a plan, by libsolv; or the chain of packages that stands in the way."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.change.plan import (
    DOWNGRADE,
    INSTALL,
    OBSOLETE,
    REINSTALL,
    REMOVE,
    UPGRADE,
    Plan,
    Step,
)
from heliostat.os.tdnf.errors import NO_SOLUTION, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes

_COMING = {
    solv.Transaction.SOLVER_TRANSACTION_INSTALL: INSTALL,
    solv.Transaction.SOLVER_TRANSACTION_MULTIINSTALL: INSTALL,
    solv.Transaction.SOLVER_TRANSACTION_UPGRADE: UPGRADE,
    solv.Transaction.SOLVER_TRANSACTION_CHANGE: UPGRADE,
    solv.Transaction.SOLVER_TRANSACTION_DOWNGRADE: DOWNGRADE,
    solv.Transaction.SOLVER_TRANSACTION_REINSTALL: REINSTALL,
    solv.Transaction.SOLVER_TRANSACTION_MULTIREINSTALL: REINSTALL,
    solv.Transaction.SOLVER_TRANSACTION_OBSOLETES: INSTALL,
}


class Rules:
    """How the solver may go about it."""

    def __init__(
        self,
        *,
        may_erase: bool = False,
        may_downgrade: bool = False,
        best: bool = False,
        skip_broken: bool = False,
    ) -> None:
        self.may_erase = may_erase
        self.may_downgrade = may_downgrade
        self.best = best
        self.skip_broken = skip_broken


class Unsolvable(TdnfError):
    """No plan fits; ``chains`` say why, one list of steps a problem."""

    def __init__(self, chains: list[list[str]]) -> None:
        told = "; ".join(chains[0]) if chains else "the wishes exclude each other"
        super().__init__(NO_SOLUTION, f"{told[0].upper()}{told[1:]}.")
        self.chains = chains


def solve(wishes: Wishes, rules: Rules) -> Plan:
    """The plan for ``wishes``.  Raises ``Unsolvable``.

    With ``rules.skip_broken``, wishes that can't be met are left out and told in the plan.
    """
    jobs = dict(enumerate(wishes.jobs))
    left_out: list[str] = []
    while True:
        solver = _solver(wishes.pool, rules)
        problems = solver.solve(list(jobs.values()))
        if not problems:
            break
        broken = _broken(wishes, jobs, problems) if rules.skip_broken else set()
        if not broken:
            raise Unsolvable(_chains(wishes, problems))
        for number in broken:
            del jobs[number]
            left_out.append(wishes.told[number])
    return Plan(
        steps_of(solver),
        wanted=wishes.wanted,
        existing=wishes.existing,
        missing=wishes.missing,
        left_out=left_out,
    )


def _solver(pool: solv.Pool, rules: Rules) -> solv.Solver:
    solver = pool.Solver()
    for flag, value in (
        (solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, True),
        (solv.Solver.SOLVER_FLAG_ALLOW_VENDORCHANGE, True),
        (solv.Solver.SOLVER_FLAG_YUM_OBSOLETES, True),
        (solv.Solver.SOLVER_FLAG_KEEP_ORPHANS, True),
        (solv.Solver.SOLVER_FLAG_BEST_OBEY_POLICY, True),
        (solv.Solver.SOLVER_FLAG_ALLOW_UNINSTALL, rules.may_erase),
        (solv.Solver.SOLVER_FLAG_ALLOW_DOWNGRADE, rules.may_downgrade),
    ):
        solver.set_flag(flag, int(value))
    return solver


def _broken(wishes: Wishes, jobs: dict[int, solv.Job], problems: list[solv.Problem]) -> set[int]:
    """Numbers of the jobs that take part in problems; only those that somebody asked for."""
    blamed = {
        (element.job.how, element.job.what)
        for problem in problems
        for solution in problem.solutions()
        for element in solution.elements()
        if element.type == solv.Solver.SOLVER_SOLUTION_JOB
    }
    return {
        number
        for number, job in jobs.items()
        if (job.how, job.what) in blamed and number in wishes.told
    }


def _chains(wishes: Wishes, problems: list[solv.Problem]) -> list[list[str]]:
    from heliostat.os.tdnf.change.chains import chains_of

    wanted = [each for each in wishes.told.values() if each != "all"]
    hidden = {wishes.pool.id2solvable(each).name for each in wishes.pool.get_disabled_list()}
    return chains_of(wishes.pool, problems, wanted, frozenset(hidden))


def steps_of(solver: solv.Solver) -> list[Step]:
    """The steps of what ``solver`` found; what is replaced stands with what replaces it."""
    transaction = solver.transaction()
    mode = (
        solv.Transaction.SOLVER_TRANSACTION_SHOW_ACTIVE
        | solv.Transaction.SOLVER_TRANSACTION_SHOW_OBSOLETES
        | solv.Transaction.SOLVER_TRANSACTION_CHANGE_IS_REINSTALL
    )
    steps: list[Step] = []
    replaced: set[int] = set()
    for package in transaction.steps():
        if package.isinstalled():
            continue
        kind = _COMING.get(transaction.steptype(package, mode), INSTALL)
        others = transaction.allothersolvables(package)
        replaced |= {each.id for each in others}
        steps.append(coming(kind, package, others, why=_why(solver, package)))
        steps += [
            going(OBSOLETE, each, why=f"{package} replaces it")
            for each in others
            if each.nameid != package.nameid
        ]
    steps += [
        going(REMOVE, package, why=_why(solver, package))
        for package in transaction.steps()
        if package.isinstalled() and package.id not in replaced
    ]
    return steps


def coming(
    kind: str, package: solv.XSolvable, others: list[solv.XSolvable], *, why: str = ""
) -> Step:
    """A step that brings ``package``."""
    location, _ = package.lookup_location()
    checksum = package.lookup_checksum(solv.SOLVABLE_CHECKSUM)
    return Step(
        kind,
        package.name,
        package.evr,
        package.arch,
        repo=package.repo.name,
        location=location or "",
        checksum=str(checksum) if checksum else "",
        download_bytes=package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        installed_bytes=package.lookup_num(solv.SOLVABLE_INSTALLSIZE),
        replaces=[str(each) for each in others],
        why=why,
    )


def going(kind: str, package: solv.XSolvable, *, why: str = "") -> Step:
    """A step that takes ``package`` away."""
    return Step(
        kind,
        package.name,
        package.evr,
        package.arch,
        repo=package.repo.name,
        installed_bytes=package.lookup_num(solv.SOLVABLE_INSTALLSIZE),
        why=why,
    )


def _why(solver: solv.Solver, package: solv.XSolvable) -> str:
    """Who wanted it, found out only for the few that a person reads."""
    reason, rule = solver.describe_decision(package)
    if reason == solv.Solver.SOLVER_REASON_RESOLVE_JOB:
        return "asked for"
    info = rule.info() if rule is not None else None
    if info is not None and info.type == solv.Solver.SOLVER_RULE_PKG_REQUIRES:
        return f"{info.solvable} needs {info.dep}"
    return "asked for" if info is not None and info.type == solv.Solver.SOLVER_RULE_JOB else ""
