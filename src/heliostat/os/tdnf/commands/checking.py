"""``check`` and ``check-local``: whether packages could all be installed together."""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import (
    CHECK_LOCAL_NEEDS_FOLDER,
    NO_MATCH,
    SOLVER_FAILED,
    TdnfError,
    system_error,
)
from heliostat.os.tdnf.packages.scopes import available, by_name_and_arch, newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from heliostat.os.tdnf.session import Session


def check(session: Session) -> int:
    """``check``: what is installed holds together, and all that is offered could be."""
    packages = session.packages
    verify = solv.Job.SOLVER_VERIFY | solv.Job.SOLVER_SOLVABLE_ALL
    jobs = [packages.pool.Job(verify, 0)]
    groups = by_name_and_arch(available(packages)).values()
    return _told(session, packages.pool, jobs, [newest(group) for group in groups])


def check_local(session: Session) -> int:
    """``check-local FOLDER``: the packages in it need nothing from elsewhere."""
    if not session.arguments:
        raise TdnfError(CHECK_LOCAL_NEEDS_FOLDER)
    folder = session.arguments[0]
    session.out.line(f"Checking all packages from: {folder}")
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".rpm"))
    except OSError as error:
        raise system_error(error, f"Reading {folder}") from None
    # a pool of its own: neither the system nor repositories help
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    pool.setarch(session.architecture)
    repo = pool.add_repo(folder)
    found = [_added(repo, os.path.join(folder, name)) for name in names]
    session.out.line(f"Found {len(found)} packages")
    pool.addfileprovides()
    pool.createwhatprovides()
    groups = by_name_and_arch(found).values()
    return _told(session, pool, [], [newest(group) for group in groups])


def _added(repo: solv.Repo, path: str) -> solv.XSolvable:
    package = repo.add_rpm(path, solv.Repo.REPO_REUSE_REPODATA)
    if package is None:
        hint = f"rpm -K {path} says what is wrong with it."
        raise TdnfError(NO_MATCH, f"{path} is not a package: {repo.pool.errstr}.", hint)
    return package


def _told(
    session: Session, pool: solv.Pool, jobs: list[solv.Job], wanted: Iterable[solv.XSolvable]
) -> int:
    """0, or ``TdnfError`` 1301 after a line for each problem."""
    flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE
    jobs += [pool.Job(flags, each.id) for each in wanted if each.arch not in ("src", "nosrc")]
    problems = _problems(session, pool.Solver(), jobs)
    for number, each in enumerate(problems, 1):
        session.out.warning(f"{number}. {each}")
    if problems:
        many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
        told = f"Found {many} among the packages: {'; '.join(problems[:3])}."
        hint = "tdnf repoquery --whatprovides finds who has what is missing."
        raise TdnfError(SOLVER_FAILED, told, hint)
    session.out.value({"Problems": []})
    session.out.line("Check completed without issues")
    return 0


def _problems(session: Session, solver: solv.Solver, jobs: list[solv.Job]) -> list[str]:
    """Sentences of libsolv, without the kinds that the options leave out."""
    skipped = set()
    if session.options.skipconflicts:
        skipped |= {solv.Solver.SOLVER_RULE_PKG_CONFLICTS}
    if session.options.skipobsoletes:
        skipped |= {
            solv.Solver.SOLVER_RULE_PKG_OBSOLETES,
            solv.Solver.SOLVER_RULE_PKG_IMPLICIT_OBSOLETES,
        }
    found: dict[str, None] = {}
    for problem in solver.solve(jobs):
        info = problem.findproblemrule().info()
        if info.type not in skipped:
            found[info.problemstr()] = None
    return list(found)
