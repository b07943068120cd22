"""What packages brought into a tree, asked of the tree's own database: RPM's or dpkg's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from heliostat.core.process import Output, run

RPM_DATABASES = ("usr/lib/sysimage/rpm", "usr/share/rpm", "var/lib/rpm")
_DPKG = "var/lib/dpkg"
_SIGNED = "%{NAME}\\t%{EVR}\\t%|RSAHEADER?{y}:{%|DSAHEADER?{y}:{n}|}|\\n"


@dataclass(frozen=True, slots=True)
class Signedness:
    """Whether a package in the database carries the signature it was installed with."""

    package: str
    signed: bool


def rpm_database(root: Path) -> Path | None:
    """The folder of the tree's RPM database."""
    for name in RPM_DATABASES:
        folder = root / name
        if any((folder / file).is_file() for file in ("rpmdb.sqlite", "Packages", "Packages.db")):
            return folder
    return None


def owned_paths(root: Path) -> frozenset[str] | None:
    """Every path that a package owns, as the packages name it."""
    database = rpm_database(root)
    if database is not None:
        output = _query(database, "[%{FILENAMES}\\n]").stdout
        return frozenset(output.splitlines())
    lists = sorted((root / _DPKG / "info").glob("*.list"))
    if not lists:
        return None
    return frozenset(line for each in lists for line in each.read_text().splitlines())


def signatures(root: Path) -> list[Signedness] | None:
    """Each RPM of the tree but keys, which are no packages; ``None`` without a database."""
    database = rpm_database(root)
    if database is None:
        return None
    rows = (line.split("\t") for line in _query(database, _SIGNED).stdout.splitlines())
    return [
        Signedness(f"{name}-{version}", signed == "y")
        for name, version, signed in rows
        if name != "gpg-pubkey"
    ]


def _query(database: Path, form: str) -> Output:
    argv = ["rpm", "--dbpath", str(database), "-qa", "--qf", form]
    return run(argv, timeout_s=120)
