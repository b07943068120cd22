"""Packages that a run must not see: excluded by name, or below a least version."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.packages.scopes import BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session


def exclude_unwanted(session: Session, packages: Packages) -> None:
    """Hides what ``excludepkgs``, ``--exclude`` and ``minversions`` leave out."""
    if session.options.disableexcludes:
        return
    hidden: dict[int, solv.XSolvable] = {}
    patterns = [*session.configuration.excludepkgs, *session.options.exclude]
    for pattern in patterns:
        for each in packages.pool.select(pattern, BY_NAME).solvables():
            if not each.isinstalled():
                hidden[each.id] = each
    for repo in packages.repos:
        for pattern in repo.appdata.repository.excludepkgs:
            for each in packages.pool.select(pattern, BY_NAME).solvables():
                if each.repo == repo:
                    hidden[each.id] = each
    for each in _too_old(session, packages):
        hidden[each.id] = each
    if hidden:
        packages.exclude(hidden.values())


def _too_old(session: Session, packages: Packages) -> list[solv.XSolvable]:
    """``minversions``: ``name=version`` lines; what is older can't be chosen."""
    lines = [*session.configuration.minversions, *session.configuration.beside("minversions.d")]
    found: list[solv.XSolvable] = []
    for line in lines:
        name, equals, version = line.partition("=")
        if not equals:
            continue
        older = packages.pool.select(f"{name.strip()} < {version.strip()}", BY_NAME)
        found += [each for each in older.solvables() if not each.isinstalled()]
    return found
