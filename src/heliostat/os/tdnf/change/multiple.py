"""Packages that several versions may be installed of, as kernels: how many, and which stay.

``installonlypkgs`` names them and ``installonly_limit`` says how many versions stay; the
one that was installed first goes, but never the kernel that runs.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import INSTALLONLY_LIMIT, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session

_KERNEL_PATHS = ("/usr/lib/modules/{}/vmlinuz", "/usr/lib/modules/{}", "/boot/vmlinuz-{}")


def allow_several(session: Session, packages: Packages) -> None:
    """Lets the solver install versions of ``installonlypkgs`` beside each other."""
    flags = solv.Job.SOLVER_MULTIVERSION | solv.Job.SOLVER_SOLVABLE_NAME
    pool = packages.pool
    names = session.configuration.installonlypkgs
    pool.setpooljobs([pool.Job(flags, pool.str2id(name)) for name in names])


def erase_surplus(session: Session, wishes: Wishes, plan: Plan) -> bool:
    """Wishes away what would be too many after ``plan``; whether there was any.

    Raises ``TdnfError`` 1530 if only what must stay is left to go.
    """
    found = [
        package
        for name in session.configuration.installonlypkgs
        for package in _surplus(session, wishes, plan, name)
    ]
    flags = solv.Job.SOLVER_ERASE | solv.Job.SOLVER_SOLVABLE
    wishes.jobs += [wishes.pool.Job(flags, each.id) for each in found]
    if found:
        _insist(wishes, plan, set(session.configuration.installonlypkgs))
    return bool(found)


def _insist(wishes: Wishes, plan: Plan, names: set[str]) -> None:
    """An update of everything is content with what stays: what was to come must come."""
    flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE
    for step in plan.bringing:
        if step.name in names:
            offers = wishes.names.named(step.nevra).offered
            wishes.jobs += [wishes.pool.Job(flags, each.id) for each in offers[:1]]


def _surplus(session: Session, wishes: Wishes, plan: Plan, name: str) -> list[solv.XSolvable]:
    coming = {each.nevra for each in plan.bringing if each.name == name}
    going = {each.nevra for each in plan.going}
    there = [
        each
        for each in wishes.packages.installed.solvables
        if each.name == name and str(each) not in going and str(each) not in coming
    ]
    limit = session.configuration.installonly_limit
    surplus = len(coming) + len(there) - limit
    if limit <= 0 or surplus <= 0 or not coming:
        return []
    keep = running_kernel(session)
    installed = solv.Selection.SELECTION_INSTALLED_ONLY
    for line in session.configuration.beside("locks.d"):
        keep |= {str(each) for each in wishes.names.named(line, installed).packages}
    may_go = [each for each in there if str(each) not in keep]
    if len(may_go) < surplus:
        told = f"{name} would have {len(coming) + len(there)} versions, and {limit} are allowed."
        raise TdnfError(INSTALLONLY_LIMIT, told)
    may_go.sort(key=lambda each: int(each.lookup_num(solv.SOLVABLE_INSTALLTIME)))
    return may_go[:surplus]


def running_kernel(session: Session) -> set[str]:
    """NEVRAs of installed packages that the running kernel is of; none in another root."""
    if session.root != "/":
        return set()
    flags = solv.Selection.SELECTION_FILELIST | solv.Selection.SELECTION_INSTALLED_ONLY
    pool = session.installed_packages.pool
    release = os.uname().release
    return {
        str(each)
        for path in _KERNEL_PATHS
        for each in pool.select(path.format(release), flags).solvables()
    }
