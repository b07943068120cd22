"""Which packages came only because others needed them, and which of them nothing needs now."""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.packages.relations import EVERY, RELATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from heliostat.os.tdnf.change.plan import Plan
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session

_KEEPING = ("requires", "recommends")


def automatic_names(session: Session) -> frozenset[str]:
    """Names of packages that nobody asked for; of a system without history, of its old file."""
    # SQLite is loaded only where there is something to read
    if not os.path.exists(os.path.join(session.persistdir, "history.db")):
        if not os.path.exists(os.path.join(session.persistdir, "autoinstalled")):
            return frozenset()
        from heliostat.os.tdnf.history.database import legacy_names

        return legacy_names(session.persistdir)
    from heliostat.os.tdnf.history.database import History

    with History(session.persistdir) as history:
        return history.automatic()


def unneeded(packages: Packages, automatic: Collection[str]) -> list[solv.XSolvable]:
    """Installed packages that came for others and serve nobody now.

    Whatever is reached from what was asked for stays: by what packages require and
    recommend, every installed provider of it; and what says that it supplements them.
    """
    installed = {each.id: each for each in packages.installed.solvables}
    kept = {each.id for each in installed.values() if each.name not in automatic}
    todo = list(kept)
    supplements = {
        each.id: each.lookup_deparray(RELATIONS["supplements"]) for each in installed.values()
    }
    while todo:
        for number in _reached(packages.pool, installed[todo.pop()]) - kept:
            kept.add(number)
            todo.append(number)
        if not todo:
            served = {
                number
                for number, deps in supplements.items()
                if number not in kept
                and any(each.id in kept for dep in deps for each in packages.pool.whatprovides(dep))
            }
            kept |= served
            todo += served
    return [each for number, each in installed.items() if number not in kept]


def _reached(pool: solv.Pool, package: solv.XSolvable) -> set[int]:
    return {
        provider.id
        for kind in _KEEPING
        # what scripts require, too: libsolv leaves it out unless it is asked for
        for dep in package.lookup_deparray(RELATIONS[kind], EVERY)
        for provider in pool.whatprovides(dep)
        if provider.isinstalled()
    }


def marks_after(plan: Plan, automatic: Collection[str]) -> dict[str, bool]:
    """Of names, whether they count as come for others once ``plan`` is carried out.

    What replaces another package takes over what was known of it.  Going to an older
    version, or to the same again, asks for nothing new.
    """
    from heliostat.os.tdnf.change.plan import DOWNGRADE, INSTALL, REINSTALL
    from heliostat.os.tdnf.history.system import name_of

    moved = {step.name for step in plan.steps if step.kind in (DOWNGRADE, REINSTALL)}
    marks = dict.fromkeys(plan.wanted - moved, False)
    for step in plan.of(INSTALL):
        if step.name not in marks:
            old = [name_of(each) for each in step.replaces]
            marks[step.name] = all(each in automatic for each in old)
    return {**marks, **plan.marks}
