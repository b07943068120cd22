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
from heliostat.os.tdnf.change.weak import declined, why_weakly
from heliostat.os.tdnf.change.wishes import EVERYTHING, OneOf
from heliostat.os.tdnf.errors import INVALID_PARAMETER, SOLVER_FAILED, TdnfError

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
    """How the solver may go about it.

    ``may_downgrade`` lets others go to older versions for what is wanted; ``best`` takes
    the newest or fails; ``skip_broken`` leaves out what can't be had.
    ``reinstall_changed`` counts packages of one version that were built anew; ``weak``
    brings what the packages that come recommend, and what supplements them; ``testcase`` is
    a folder that gets what the solver was given, for libsolv's ``testsolv``.
    """

    def __init__(
        self,
        *,
        may_erase: bool = False,
        may_downgrade: bool = True,
        best: bool = False,
        skip_broken: bool = False,
        reinstall_changed: bool = True,
        weak: bool = False,
        testcase: str = "",
    ) -> None:
        self.may_erase = may_erase
        self.may_downgrade = may_downgrade
        self.best = best
        self.skip_broken = skip_broken
        self.reinstall_changed = reinstall_changed
        self.weak = weak
        self.testcase = testcase


class Unsolvable(TdnfError):
    """No plan fits; ``chains`` say why, one list of steps a problem."""

    def __init__(self, chains: list[list[str]]) -> None:
        told = "; ".join(chains[0]) if chains else "the wishes exclude each other"
        # chains are told to who composes images, too
        told = told.replace("the list of packages needs ", "You asked for ", 1)
        if told.startswith("the "):
            # names of packages stay as they are
            told = f"T{told[1:]}"
        super().__init__(SOLVER_FAILED, f"{told}.")
        self.chains = chains


def solve(wishes: Wishes, rules: Rules) -> Plan:
    """The plan for ``wishes``.  Raises ``Unsolvable``.

    With ``rules.skip_broken``, wishes that can't be met are left out and told in the plan.
    """
    solver, left_out = solved(wishes, rules)
    steps = steps_of(solver)
    if not rules.reinstall_changed:
        steps = [each for each in steps if each.kind != REINSTALL]
    # of several packages that would do, only what comes was wanted
    there = {each.name for each in steps} | set(wishes.existing_names)
    return Plan(
        steps,
        wanted=wishes.wanted & there,
        existing=wishes.existing,
        missing=wishes.missing,
        left_out=left_out,
        staying=[*wishes.pathless, *_staying(wishes, steps)],
    )


def solved(wishes: Wishes, rules: Rules) -> tuple[solv.Solver, list[str]]:
    """A solver that has found an answer, and the wishes that were left out for it.

    Raises ``Unsolvable``.
    """
    jobs = dict(enumerate(wishes.jobs))
    unwanted: list[solv.Job] = []
    if rules.best:
        for number in wishes.told:
            jobs[number].how |= solv.Job.SOLVER_FORCEBEST
    left_out: list[str] = []
    while True:
        solver = _solver(wishes.pool, rules)
        problems = solver.solve(
            [each.job(wishes.pool) if isinstance(each, OneOf) else each for each in jobs.values()]
            + unwanted
        )
        if _read_paths(wishes, solver, problems):
            continue
        if rules.testcase and not solver.write_testcase(rules.testcase):
            raise TdnfError(INVALID_PARAMETER, f"{rules.testcase} can't be written.")
        if not problems:
            more = declined(wishes.pool, solver) if rules.weak else []
            if not more:
                return solver, left_out
            unwanted += more
            continue
        broken = _broken(wishes, list(jobs), problems) if rules.skip_broken else set()
        if not broken:
            locks = _locks(wishes, list(jobs), problems)
            raise Unsolvable([*locks, *_chains(wishes, problems)])
        for number in broken:
            del jobs[number]
            left_out.append(wishes.told[number])


def _read_paths(wishes: Wishes, solver: solv.Solver, problems: list[solv.Problem]) -> bool:
    """Reads whole file lists if a package that counts here needs a path from them."""
    seekers = wishes.packages.path_seekers()
    if not seekers:
        return False
    chosen = () if problems else solver.transaction().newsolvables()
    involved = {each.name for each in (*chosen, *wishes.packages.installed.solvables)}
    involved.update(wishes.wanted)
    if problems or seekers & involved:
        wishes.packages.load_files()
        return True
    return False


def _solver(pool: solv.Pool, rules: Rules) -> solv.Solver:
    solver = pool.Solver()
    for flag, value in (
        (solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, not rules.weak),
        (solv.Solver.SOLVER_FLAG_ALLOW_VENDORCHANGE, True),
        (solv.Solver.SOLVER_FLAG_YUM_OBSOLETES, True),
        (solv.Solver.SOLVER_FLAG_KEEP_ORPHANS, True),
        (solv.Solver.SOLVER_FLAG_BEST_OBEY_POLICY, True),
        (solv.Solver.SOLVER_FLAG_ALLOW_UNINSTALL, rules.may_erase),
        (solv.Solver.SOLVER_FLAG_ALLOW_DOWNGRADE, rules.may_downgrade),
    ):
        solver.set_flag(flag, int(value))
    return solver


def _broken(wishes: Wishes, numbers: list[int], problems: list[solv.Problem]) -> set[int]:
    """Numbers of the jobs that take part in problems; only those that somebody asked for."""
    return _blamed(numbers, problems) & wishes.told.keys()


def _locks(wishes: Wishes, numbers: list[int], problems: list[solv.Problem]) -> list[list[str]]:
    """Sentences about the locks that stand in the way."""
    found = [wishes.jobs[number] for number in sorted(_blamed(numbers, problems))]
    return [
        [f"the package {package} is locked (see locks.d beside tdnf.conf)"]
        for job in found
        if not isinstance(job, OneOf) and job.how & solv.Job.SOLVER_JOBMASK == solv.Job.SOLVER_LOCK
        for package in job.solvables()
    ]


def _blamed(numbers: list[int], problems: list[solv.Problem]) -> set[int]:
    return {
        numbers[element.jobidx]
        for problem in problems
        for solution in problem.solutions()
        for element in solution.elements()
        if element.type == solv.Solver.SOLVER_SOLUTION_JOB
    }


def _staying(wishes: Wishes, steps: list[Step]) -> list[str]:
    """Packages asked to be newer that stay, because what newer ones need can't be had."""
    moving = {each.name for each in steps}
    update = solv.Job.SOLVER_UPDATE
    return [
        f"no newer {told} can be installed, so it stays; --best says why"
        for number, told in wishes.told.items()
        if wishes.jobs[number].how & solv.Job.SOLVER_JOBMASK == update
        and told != EVERYTHING
        and told not in moving
    ]


def _chains(wishes: Wishes, problems: list[solv.Problem]) -> list[list[str]]:
    from heliostat.os.tdnf.change.chains import chains_of

    wanted = [each for each in wishes.told.values() if each != EVERYTHING]
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
        twins = [each for each in others if str(each) == str(package)]
        if twins and kind != REINSTALL:
            # after a transaction that was cut off: it is there, and another version, too
            kind = REINSTALL
            more = [each for each in others if each.nameid == package.nameid]
            steps += [going(REMOVE, each) for each in more if each not in twins]
            others = twins
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
    if reason == solv.Solver.SOLVER_REASON_WEAKDEP:
        return why_weakly(solver, package)
    info = rule.info() if rule is not None else None
    if info is not None and info.type == solv.Solver.SOLVER_RULE_PKG_REQUIRES:
        return f"{info.solvable} needs {info.dep}"
    return "asked for" if info is not None and info.type == solv.Solver.SOLVER_RULE_JOB else ""
