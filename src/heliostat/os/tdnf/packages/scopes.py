"""Which packages a word like ``installed`` or ``upgrades`` means, and which a name does."""

from __future__ import annotations

import solv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from heliostat.os.tdnf.arguments import Options
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.session import Session

SCOPES = {
    "all": "all",
    "installed": "installed",
    "available": "available",
    "extras": "extras",
    "obsoletes": "obsoletes",
    "recent": "recent",
    "upgrades": "upgrades",
    "updates": "upgrades",
    "downgrades": "downgrades",
}
RECENT_S = 7 * 86400

BY_NAME = (
    solv.Selection.SELECTION_NAME
    | solv.Selection.SELECTION_CANON
    | solv.Selection.SELECTION_DOTARCH
    | solv.Selection.SELECTION_GLOB
    | solv.Selection.SELECTION_REL
)


def packages_in(session: Session, scope: str, *, now: float) -> list[solv.XSolvable]:
    """Packages of ``scope`` (a value of ``SCOPES``), in no order."""
    if scope == "installed":
        return list(session.installed_packages.installed.solvables)
    packages = session.packages
    if scope == "available":
        return available(packages)
    if scope == "all":
        return [*packages.installed.solvables, *available(packages)]
    if scope == "recent":
        since = now - RECENT_S
        return [
            each
            for each in available(packages)
            if each.lookup_num(solv.SOLVABLE_BUILDTIME) >= since
        ]
    if scope == "extras":
        return extras(packages)
    if scope == "obsoletes":
        return [new for new, _ in obsoleting(packages)]
    return compared(packages, newer=scope == "upgrades")


def available(packages: Packages) -> list[solv.XSolvable]:
    """What repositories offer and nothing excludes; no advisories, no sources."""
    hidden = set(packages.pool.get_disabled_list())
    return [
        each
        for repo in packages.repos
        for each in repo.solvables
        # each of these is a call into libsolv, for every package there is
        if (not hidden or each.id not in hidden)
        and each.archid != solv.ARCH_SRC
        and (each.archid != solv.ARCH_NOARCH or each.name[:6] != "patch:")
    ]


def by_name_and_arch(
    solvables: Iterable[solv.XSolvable],
) -> dict[tuple[int, int], list[solv.XSolvable]]:
    """Groups of packages that are versions of one another."""
    groups: dict[tuple[int, int], list[solv.XSolvable]] = {}
    for each in solvables:
        groups.setdefault((each.nameid, each.archid), []).append(each)
    return groups


def compared(packages: Packages, *, newer: bool) -> list[solv.XSolvable]:
    """The newest offer newer than what is installed, or the newest of the older ones.

    A package may change between an architecture and none, as the solver lets it.
    """
    offers: dict[int, list[solv.XSolvable]] = {}
    installed = by_name_and_arch(packages.installed.solvables)
    names = {name for name, _ in installed}
    for each in available(packages):
        if each.nameid in names:
            offers.setdefault(each.nameid, []).append(each)
    found: dict[int, solv.XSolvable] = {}
    for (name, arch), group in installed.items():
        have = newest(group, reverse=not newer)
        fitting = [
            each
            for each in offers.get(name, ())
            if arch in (each.archid, solv.ARCH_NOARCH) or each.archid == solv.ARCH_NOARCH
            if (each.evrcmp(have) > 0 if newer else each.evrcmp(have) < 0)
        ]
        if fitting:
            best = newest(fitting)
            found[best.id] = best
    return list(found.values())


def newest(solvables: Sequence[solv.XSolvable], *, reverse: bool = False) -> solv.XSolvable:
    """The newest (or oldest) of versions of one package."""
    best = solvables[0]
    for each in solvables[1:]:
        order = each.evrcmp(best)
        if order < 0 if reverse else order > 0:
            best = each
    return best


def extras(packages: Packages) -> list[solv.XSolvable]:
    """What is installed and no repository offers in that version."""
    offered = {(each.nameid, each.evrid, each.archid) for each in available(packages)}
    return [
        each
        for each in packages.installed.solvables
        if (each.nameid, each.evrid, each.archid) not in offered
    ]


def obsoleting(packages: Packages) -> list[tuple[solv.XSolvable, solv.XSolvable]]:
    """Offers that replace something installed, with what they replace."""
    found = []
    for each in available(packages):
        for dep in each.lookup_deparray(solv.SOLVABLE_OBSOLETES):
            found += [
                (each, old)
                for old in packages.pool.whatprovides(dep)
                if old.isinstalled() and old.nameid != each.nameid and old.matchesdep(0, dep)
            ]
    return found


def matching(
    session: Session, within: Iterable[solv.XSolvable], names: Sequence[str]
) -> list[solv.XSolvable]:
    """Those of ``within`` that any of ``names`` (name, name.arch, NEVRA, globs) means."""
    packages = session.installed_packages
    pool = packages.pool
    if not packages.repos:
        # nothing has indexed what is installed yet, and libsolv looks names up in the index
        packages.index()
    flags = BY_NAME | solv.Selection.SELECTION_WITH_SOURCE
    wanted = {each.id for name in names for each in pool.select(name, flags).solvables()}
    return [each for each in within if each.id in wanted]


def narrowed(options: Options) -> bool:
    """Whether updates are asked for only where an advisory asks for them."""
    return options.security or options.sec_severity is not None or options.reboot_required
