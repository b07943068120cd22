"""A scan: what a subject is, what is installed in it, and what is known of that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.carrier.layout import is_layout
from heliostat.os.cve.feeds.osv import SUITES
from heliostat.os.cve.installed import Installed, in_rpm, in_source, in_tree
from heliostat.os.cve.knowledge import KnowledgeBase
from heliostat.os.cve.library_matching import Held, found_in_libraries, held
from heliostat.os.cve.matching import Finding, Scope, described, found, names_of
from heliostat.os.cve.products import Assessment, Product, load_assessments, load_products
from heliostat.os.cve.severity import Severity
from heliostat.os.data import load
from heliostat.os.extraction import opened
from heliostat.os.harden.keyvalues import settings
from heliostat.os.harden.tree import Tree
from heliostat.os.image.distro import locate_distro
from heliostat.os.inventory.libraries import is_program, libraries_in
from heliostat.os.inventory.owners import owners_of
from heliostat.os.sources.archive import ArchiveSettings

_ECOSYSTEMS = {
    "almalinux": "AlmaLinux",
    "rocky": "Rocky Linux",
    "azurelinux": "Azure Linux",
    "photon": "Photon OS",
    "mageia": "Mageia",
    "openeuler": "openEuler",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What was found to scan."""

    name: str
    packages: tuple[Installed, ...]
    suite: str | None = None
    """Of Debian, as the system itself tells."""
    ecosystem: str | None = None
    libraries: tuple[Held, ...] = ()
    """What is in the packages' files, or in nobody's, without being a package."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A subject and what was found in it."""

    subject: Subject
    suite: str
    findings: tuple[Finding, ...]

    @property
    def counting(self) -> tuple[Finding, ...]:
        """Findings that are sure and not excused."""
        return tuple(each for each in self.findings if each.counts)

    def from_severity(self, severity: Severity) -> tuple[Finding, ...]:
        """Those of them at least as bad."""
        return tuple(each for each in self.counting if each.severity.rank >= severity.rank)


def subject_of(path: Path) -> Subject:
    """An image, a root tree, a folder of RPMs or libraries, an RPM, a program of Go, a source."""
    if path.suffix == ".rpm" and path.is_file():
        return Subject(str(path), (in_rpm(path),))
    if (path.suffix == ".dsc" and path.is_file()) or (path / "debian" / "changelog").is_file():
        return Subject(str(path), (in_source(path),))
    if path.is_dir() and not (path / "usr").exists() and not is_layout(path):
        return _of_folder(path)
    if path.is_file() and is_program(path):
        return Subject(str(path), (), libraries=held(libraries_in(path), {}, ()))
    with opened(path, faithful=False) as system:
        tree = Tree(system.root, system.capabilities)
        release = {
            key: setting.value
            for file in ("/usr/lib/os-release", "/etc/os-release")
            for key, setting in settings(tree, file).items()
        }
        packages, libraries = _contents(system.root)
        return Subject(str(path), packages, _suite(release), _ecosystem(release), libraries)


def _contents(root: Path) -> tuple[tuple[Installed, ...], tuple[Held, ...]]:
    """Packages and libraries of a tree; without a database of packages libraries are enough."""
    libraries = libraries_in(root)
    try:
        packages = tuple(in_tree(root))
    except HeliostatError as error:
        if error.code != "DatabaseMissing" or not libraries:
            raise
        packages = ()
    places = [place for library in libraries for place in library.places]
    return packages, held(libraries, owners_of(root, places), packages)


def _of_folder(path: Path) -> Subject:
    """A folder that is no tree: of RPMs, or of programs and Python's packages."""
    rpms = tuple(in_rpm(rpm) for rpm in sorted(path.rglob("*.rpm")))
    libraries = held(libraries_in(path), {}, ())
    if not rpms and not libraries:
        raise HeliostatError(
            "NotASystem",
            f"{path} can't be looked into: it has neither usr nor RPMs nor libraries.",
        )
    return Subject(str(path), rpms, libraries=libraries)


def scan(
    subject: Subject,
    base: KnowledgeBase,
    *,
    suite: str,
    products: dict[str, Product] | None = None,
    assessments: Sequence[Assessment] | None = None,
    today: dt.date | None = None,
) -> Scan:
    """What ``base`` knows of the packages of ``subject``; data files are those of distro/cve."""
    rows = load_products() if products is None else products
    excuses = load_assessments() if assessments is None else assessments
    day = today or dt.datetime.now(dt.UTC).date()
    wanted = subject.suite or suite
    keys = {each.library.key for each in subject.libraries}
    said = list(base.statements(names_of(subject.packages, rows) | keys))
    scope = Scope(wanted, subject.ecosystem)
    findings = found(subject.packages, said, scope, rows)
    findings += found_in_libraries(subject.libraries, said, scope)
    known = base.described({finding.vulnerability for finding in findings})
    return Scan(subject, wanted, tuple(described(findings, known, excuses, day)))


def _suite(release: dict[str, str]) -> str | None:
    codename = release.get("DEBIAN_CODENAME") or release.get("VERSION_CODENAME", "")
    return codename if codename in SUITES.values() or codename == "sid" else None


def _ecosystem(release: dict[str, str]) -> str | None:
    name = _ECOSYSTEMS.get(release.get("ID", ""))
    version = release.get("VERSION_ID", "").partition(".")[0]
    return f"{name}:{version}" if name and version else name


def archive_suite() -> str:
    """The suite that packages are imported from (``distro/archive.yaml``)."""
    return load(locate_distro() / "archive.yaml", ArchiveSettings).suite
