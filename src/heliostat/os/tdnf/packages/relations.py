"""What packages say of one another: who requires what, who owns which file, who came from what."""

from __future__ import annotations

import solv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.packages.pool import Packages

RELATIONS = {
    "conflicts": solv.SOLVABLE_CONFLICTS,
    "enhances": solv.SOLVABLE_ENHANCES,
    "obsoletes": solv.SOLVABLE_OBSOLETES,
    "provides": solv.SOLVABLE_PROVIDES,
    "recommends": solv.SOLVABLE_RECOMMENDS,
    "requires": solv.SOLVABLE_REQUIRES,
    "suggests": solv.SOLVABLE_SUGGESTS,
    "supplements": solv.SOLVABLE_SUPPLEMENTS,
}
# what makes one package need or want another
DEPENDS = ("requires", "recommends", "suggests", "supplements", "enhances")
# they part a list of relations in two: ordinary ones and those of scripts or of files
_MARKERS = (solv.SOLVABLE_PREREQMARKER, solv.SOLVABLE_FILEMARKER)
# which side of a marker: both, or what follows
EVERY = 0
_AFTER_MARKER = 1


def relations(package: solv.XSolvable, kind: str) -> list[str]:
    """Relations of one ``kind``: a key of ``RELATIONS``, ``depends`` or ``requires_pre``."""
    if kind == "depends":
        return [each for one in DEPENDS for each in relations(package, one)]
    marker = EVERY
    if kind == "requires_pre":
        kind, marker = "requires", _AFTER_MARKER
    found = package.lookup_deparray(RELATIONS[kind], marker)
    return [str(each) for each in found if each.id not in _MARKERS]


def related(packages: Packages, kind: str, wanted: Sequence[str]) -> set[int]:
    """Ids of packages with a relation ``kind`` to any of ``wanted``; versions and globs count."""
    if kind == "depends":
        return {each for one in DEPENDS for each in related(packages, one, wanted)}
    if kind == "provides":
        return {each.id for what in wanted for each in providers(packages, what)}
    flags = (
        solv.Selection.SELECTION_NAME
        | solv.Selection.SELECTION_REL
        | solv.Selection.SELECTION_GLOB
        | solv.Selection.SELECTION_WITH_SOURCE
    )
    return {
        each.id
        for what in wanted
        for each in packages.pool.matchdeps(what, flags, RELATIONS[kind], EVERY).solvables()
    }


def providers(packages: Packages, what: str) -> list[solv.XSolvable]:
    """Who provides ``what``: a capability, with globs and versions; or who owns the path."""
    flags = (
        solv.Selection.SELECTION_PROVIDES
        | solv.Selection.SELECTION_REL
        | solv.Selection.SELECTION_GLOB
    )
    found = list(packages.pool.select(what, flags).solvables())
    return found or owners(packages, what)


def owners(packages: Packages, path: str) -> list[solv.XSolvable]:
    """Who owns ``path``, which may have globs; whole file lists are read only if need be."""
    if not path.startswith(("/", "*")):
        return []
    flags = solv.Selection.SELECTION_FILELIST | solv.Selection.SELECTION_GLOB
    found = list(packages.pool.select(path, flags).solvables())
    # a glob may mean more than the metadata's first part names
    if not found or any(each in path for each in "*?["):
        packages.load_files()
        found = list(packages.pool.select(path, flags).solvables())
    return found


def files(package: solv.XSolvable) -> list[str]:
    """Paths of a package, sorted; ``Packages.load_files`` has to have been called."""
    every = solv.Dataiterator.SEARCH_FILES
    return sorted({str(each) for each in package.Dataiterator(solv.SOLVABLE_FILELIST, None, every)})


class Change:
    """One entry of a change log: seconds since 1970, who, what."""

    __slots__ = ("author", "text", "time")

    def __init__(self, time: int, author: str, text: str) -> None:
        self.time = time
        self.author = author
        self.text = text


def changes(packages: Packages, package: solv.XSolvable) -> list[Change]:
    """The change log, newest first; ``Packages.load_changes`` has to have been called."""
    if package.isinstalled():
        return _installed_changes(packages.root or "/", package)
    entries = package.Dataiterator(solv.SOLVABLE_CHANGELOG_AUTHOR, None, 0)
    entries.prepend_keyname(solv.SOLVABLE_CHANGELOG)
    found = []
    for each in entries:
        entry = each.parentpos()
        found.append(
            Change(
                entry.lookup_num(solv.SOLVABLE_CHANGELOG_TIME),
                str(each),
                entry.lookup_str(solv.SOLVABLE_CHANGELOG_TEXT) or "",
            )
        )
    return sorted(found, key=lambda each: -each.time)


def _installed_changes(root: str, package: solv.XSolvable) -> list[Change]:
    import rpm

    number = package.lookup_num(solv.RPM_RPMDBID)
    for header in rpm.TransactionSet(root).dbMatch(rpm.RPMDBI_PACKAGES, number):
        return [
            Change(when, who, what)
            for when, who, what in zip(
                header[rpm.RPMTAG_CHANGELOGTIME],
                header[rpm.RPMTAG_CHANGELOGNAME],
                header[rpm.RPMTAG_CHANGELOGTEXT],
                strict=True,
            )
        ]
    return []
