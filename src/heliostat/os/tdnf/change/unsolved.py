"""Plans without a solver: packages as they are named, without what they need."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.change.plan import INSTALL, Plan
from heliostat.os.tdnf.change.solve import coming
from heliostat.os.tdnf.change.wishes import OneOf
from heliostat.os.tdnf.packages.relations import EVERY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.change.wishes import Wishes
    from heliostat.os.tdnf.packages.pool import Packages


def as_named(wishes: Wishes) -> Plan:
    """Each wish's best package and no other: for ``--nodeps``, and for sources."""
    pool = wishes.pool
    steps = []
    for number in wishes.told:
        job = wishes.jobs[number]
        if isinstance(job, OneOf):
            found = pool.best_solvables([pool.id2solvable(each) for each in job.ids], 0)
        else:
            found = job.solvables()
        steps += [coming(INSTALL, each, []) for each in found[:1] if not each.isinstalled()]
    return Plan(steps, wanted=wishes.wanted, existing=wishes.existing, missing=wishes.missing)


def forget_installed(packages: Packages) -> None:
    """``--alldeps``: as if nothing were installed, so that everything has to come."""
    pool = packages.pool
    hidden = {*pool.get_disabled_list(), *(each.id for each in packages.installed.solvables)}
    pool.installed = None
    pool.set_disabled_list(list(hidden))
    pool.createwhatprovides()


def build_needs(wishes: Wishes, source: solv.XSolvable) -> None:
    """Wishes for what a source package needs to be built."""
    flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES
    for need in source.lookup_deparray(solv.SOLVABLE_REQUIRES, EVERY):
        if need.id != solv.SOLVABLE_PREREQMARKER and not str(need).startswith("rpmlib("):
            wishes.jobs.append(wishes.pool.Job(flags, need.id))
            wishes.told[len(wishes.jobs) - 1] = str(need)
