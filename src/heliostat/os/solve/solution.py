"""The closure of the names wanted, each package with its reason.

``solve`` is a function of the sources' content: the same metadata gives the same
solution.  Recommendations are not followed: what a system holds is said by name.  The
solver is tdnf's own, so a system is composed by what will update it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import solv

from heliostat.core.errors import HeliostatError
from heliostat.os.solve.sources import Source
from heliostat.os.tdnf.change import solve as unsolved
from heliostat.os.tdnf.change.chains import reason_for, unknown_names
from heliostat.os.tdnf.change.solve import Rules, solved
from heliostat.os.tdnf.change.wishes import Wishes
from heliostat.os.tdnf.packages.pool import Packages

ARCHITECTURE = "x86_64"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One package of a solution."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str
    source: str
    """Name of the source that offers it."""
    location: str | None
    """Relative to the source's folder."""
    path: Path | None
    """The file; None while it is only metadata."""
    sha256: str | None
    """Of the file, as the metadata has it."""
    size_bytes: int
    installed_bytes: int
    source_rpm: str | None
    why: str
    """The sentence that says who wanted it."""

    @property
    def evr(self) -> str:
        """``[epoch:]version-release``, as relations write it."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{epoch}{self.version}-{self.release}"

    @property
    def nevra(self) -> str:
        """``name-[epoch:]version-release.arch``."""
        return f"{self.name}-{self.evr}.{self.arch}"


@dataclass(frozen=True, slots=True)
class Solution:
    """What to install, sorted by name; what goes, if there was something installed."""

    packages: tuple[Chosen, ...]
    removed: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Chosen:
        for package in self.packages:
            if package.name == name:
                return package
        raise KeyError(name)

    @property
    def names(self) -> frozenset[str]:
        """Names of the packages chosen."""
        return frozenset(package.name for package in self.packages)


class Unsolvable(HeliostatError):
    """What is wanted can't be met; ``chains`` say why, one list of steps a problem."""

    def __init__(self, chains: Sequence[Sequence[str]]) -> None:
        first = "; ".join(chains[0])
        more = f" ({len(chains) - 1} more in `data.chains`)" if len(chains) > 1 else ""
        end = "" if first.endswith("?") and not more else "."
        super().__init__(
            "DependencyUnmet",
            f"{first}{more}{end}",
            data={"chains": [list(each) for each in chains]},
        )
        self.chains = chains


def solve(
    sources: Iterable[Source],
    wanted: Iterable[str],
    *,
    root: Path | None = None,
    excluded: Iterable[str] = (),
    preferred: Iterable[str] = (),
) -> Solution:
    """The packages that ``wanted`` (names, what packages provide, ``(a or b)``) takes.

    ``root`` is a tree whose packages stay if they can.  ``excluded`` names are never
    chosen; ``preferred`` ones are, where alternatives are equal.  Raises ``Unsolvable``
    with every chain that ends in something missing or conflicting.
    """
    packages = _packages(sources, root)
    unwanted = frozenset(excluded)
    if unwanted:
        packages.exclude(each for each in packages.pool.solvables if each.name in unwanted)
    wishes = _wishes(packages, sorted(set(wanted)), preferred)
    try:
        solver, _ = solved(wishes, Rules())
    except unsolved.Unsolvable as error:
        raise Unsolvable(error.chains) from None
    transaction = solver.transaction()
    new = [_chosen(each, solver) for each in transaction.newsolvables()]
    gone = {each.name for each in transaction.steps() if each.isinstalled()}
    new.sort(key=lambda package: (package.name, package.evr))
    return Solution(tuple(new), tuple(sorted(gone - {package.name for package in new})))


def _packages(sources: Iterable[Source], root: Path | None) -> Packages:
    """Every package of the sources, beside what is installed in ``root``."""
    packages = Packages(None if root is None else str(root), ARCHITECTURE, None)
    for source in sources:
        repo = packages.pool.add_repo(source.name)
        repo.appdata = source
        repo.priority = source.priority
        source.fill(repo)
    packages.index()
    return packages


def _wishes(packages: Packages, names: Sequence[str], preferred: Iterable[str]) -> Wishes:
    wishes = Wishes(packages)
    for name in names:
        if not name.startswith("("):
            wishes.require(name)
        elif not wishes.require_any(name):
            raise HeliostatError("InvalidSetting", f"{name} is not a relation such as (a or b).")
    if wishes.missing:
        raise Unsolvable(unknown_names(packages.pool, wishes.missing))
    for name in preferred:
        wishes.favour(name)
    return wishes


def _chosen(solvable: solv.XSolvable, solver: solv.Solver) -> Chosen:
    source: Source = solvable.repo.appdata
    location, _ = solvable.lookup_location()
    epoch, version, release = split_evr(solvable.evr)
    digest = solvable.lookup_checksum(solv.SOLVABLE_CHECKSUM)
    return Chosen(
        name=solvable.name,
        epoch=epoch,
        version=version,
        release=release,
        arch=solvable.arch,
        source=source.name,
        location=location,
        path=_path(source, location),
        sha256=digest.hex() if digest and digest.type == solv.REPOKEY_TYPE_SHA256 else None,
        size_bytes=solvable.lookup_num(solv.SOLVABLE_DOWNLOADSIZE),
        installed_bytes=solvable.lookup_num(solv.SOLVABLE_INSTALLSIZE),
        source_rpm=solvable.lookup_sourcepkg(),
        why=reason_for(solvable, solver),
    )


def _path(source: Source, location: str | None) -> Path | None:
    """libsolv gives packages of a folder with the path they were read from."""
    if location is None or source.folder is None:
        return None
    return source.folder / location


def split_evr(text: str) -> tuple[int, str, str]:
    """``[epoch:]version-release`` in its parts."""
    epoch, colon, rest = text.rpartition(":")
    version, _, release = rest.rpartition("-")
    return (int(epoch) if colon else 0), version, release
