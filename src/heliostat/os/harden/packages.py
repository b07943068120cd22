"""What packages brought into a tree, by the tree's own database: RPM's or dpkg's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from heliostat.os.inventory.installed import database_in, installed
from heliostat.os.packages.vendor import built_here

_DPKG = "var/lib/dpkg"


@dataclass(frozen=True, slots=True)
class Signedness:
    """Whether a package in the database carries the signature it was installed with."""

    package: str
    signed: bool


def owned_paths(root: Path) -> frozenset[str] | None:
    """Every path that a package owns, as the packages name it."""
    if database_in(root) is not None:
        return frozenset(path for package in installed(root) for path in package.paths)
    lists = sorted((root / _DPKG / "info").glob("*.list"))
    if not lists:
        return None
    return frozenset(line for each in lists for line in _lines(each))


def _lines(path: Path) -> list[str]:
    """Names as the file system gives them, whatever bytes they are."""
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()


def paths_built_here(root: Path) -> frozenset[str]:
    """Paths of packages that we compiled ourselves; none where RPM has no database."""
    if database_in(root) is None:
        return frozenset()
    ours = (package for package in installed(root) if built_here(package.vendor))
    return frozenset(path for package in ours for path in package.paths)


def signatures(root: Path) -> list[Signedness] | None:
    """Each RPM of the tree but keys, which are no packages; ``None`` without a database."""
    if database_in(root) is None:
        return None
    return [
        Signedness(f"{package.name}-{package.evr}", package.signature is not None)
        for package in installed(root)
    ]
