"""What a name means: packages installed, packages offered, packages that replace them.

A name may be a package's name with version and architecture in any of rpm's spellings, a
glob of that, a capability, or a path.  The first of these that fits anything decides.
"""

from __future__ import annotations

import solv

from heliostat.os.tdnf.packages.scopes import BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from heliostat.os.tdnf.packages.pool import Packages

_BY_CAPABILITY = solv.Selection.SELECTION_PROVIDES | solv.Selection.SELECTION_REL
_BY_PATH = solv.Selection.SELECTION_FILELIST | solv.Selection.SELECTION_GLOB
_INSTALLED = solv.Selection.SELECTION_INSTALLED_ONLY
_VERSIONED = solv.Selection.SELECTION_CANON | solv.Selection.SELECTION_REL
_SOURCES = solv.Selection.SELECTION_SOURCE_ONLY
GLOB = "*?["


class Meant:
    """Packages that a name means; ``versioned`` if it says which version is meant."""

    __slots__ = ("by_name", "packages", "versioned")

    def __init__(
        self, packages: list[solv.XSolvable], *, by_name: bool = False, versioned: bool = False
    ) -> None:
        self.packages = packages
        self.by_name = by_name
        self.versioned = versioned

    @property
    def offered(self) -> list[solv.XSolvable]:
        """Those that aren't installed."""
        return [each for each in self.packages if not each.isinstalled()]

    @property
    def installed(self) -> list[solv.XSolvable]:
        """Those that are."""
        return [each for each in self.packages if each.isinstalled()]


class Names:
    """Looks names up in one pool."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self._pool: solv.Pool = packages.pool

    def named(self, name: str, flags: int = 0) -> Meant:
        """By name, version and architecture alone; ``flags`` narrow it."""
        selection = self._pool.select(name, BY_NAME | flags)
        found = list(selection.solvables())
        versioned = bool(selection.flags & _VERSIONED)
        if not found and any(letter in name for letter in GLOB):
            found, versioned = self._of_glob(name, flags), True
        return Meant(found, by_name=True, versioned=versioned)

    def _of_glob(self, pattern: str, flags: int) -> list[solv.XSolvable]:
        """libsolv's globs end where a version begins: ``app-2*`` is ours to find."""
        from fnmatch import fnmatchcase

        stem = pattern.partition("-")[0]
        nearly = self._pool.select(f"{stem}*", BY_NAME | flags).solvables()
        return [each for each in nearly if fnmatchcase(str(each), pattern)]

    def meant(self, name: str) -> Meant:
        """Installed and offered; of a name only offered ones are looked for everywhere."""
        found = self.named(name)
        if found.packages:
            return found
        found = Meant(list(self._pool.select(name, _BY_CAPABILITY).solvables()))
        if found.packages or not name.startswith("/"):
            return found
        found = Meant(list(self._pool.select(name, _BY_PATH).solvables()))
        if not found.packages:
            self._packages.load_files()
            found = Meant(list(self._pool.select(name, _BY_PATH).solvables()))
        return found

    def installed(self, name: str) -> list[solv.XSolvable]:
        """Installed packages by name, capability or path."""
        found = self.named(name, _INSTALLED).packages
        for flags in (_BY_CAPABILITY, _BY_PATH):
            if found or (flags == _BY_PATH and not name.startswith("/")):
                continue
            found = list(self._pool.select(name, flags | _INSTALLED).solvables())
        return found

    def sources(self, name: str) -> list[solv.XSolvable]:
        """Source packages by name."""
        return self.named(name, _SOURCES).packages

    def offers_of(self, package: solv.XSolvable) -> list[solv.XSolvable]:
        """Every version of ``package`` that is offered for the same architecture."""
        flags = solv.Selection.SELECTION_NAME
        return [
            each
            for each in self._pool.select(package.name, flags).solvables()
            if not each.isinstalled() and fits(each, package)
        ]

    def installed_of(self, package: solv.XSolvable) -> list[solv.XSolvable]:
        """What is installed of the same name and architecture."""
        flags = solv.Selection.SELECTION_NAME | _INSTALLED
        return [
            each
            for each in self._pool.select(package.name, flags).solvables()
            if fits(each, package)
        ]

    def replacing(self, packages: Iterable[solv.XSolvable]) -> list[solv.XSolvable]:
        """Offers of another name that say they replace the newest of ``packages``."""
        hidden = set(self._pool.get_disabled_list())
        found: dict[int, solv.XSolvable] = {}
        for old in packages:
            for new in self._pool.whatmatchessolvable(solv.SOLVABLE_OBSOLETES, old):
                if new.isinstalled() or new.nameid == old.nameid or new.id in hidden:
                    continue
                if new.installable():
                    found[new.id] = new
        return list(found.values())


def fits(one: solv.XSolvable, other: solv.XSolvable) -> bool:
    """Whether one can take the other's place: of one architecture, or one of none."""
    return one.archid == other.archid or "noarch" in (one.arch, other.arch)


def by_name(found: Iterable[solv.XSolvable]) -> list[list[solv.XSolvable]]:
    """Groups of one name each, in the order in which they were found."""
    groups: dict[int, list[solv.XSolvable]] = {}
    for each in found:
        groups.setdefault(each.nameid, []).append(each)
    return list(groups.values())
