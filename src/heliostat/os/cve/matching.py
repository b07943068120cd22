"""Packages against statements: pure, and the same answer whatever the order of both.

Sources are asked in the order in which they are believed about the package; the first
that speaks of a vulnerability decides.  So a distribution's backport is not found
vulnerable because NVD knows upstream's versions only, and NVD alone gives hints where it
has no more than a name in common with the package.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from heliostat.os.cve.changelogs import cve_order
from heliostat.os.cve.feeds import tracker
from heliostat.os.cve.installed import Installed
from heliostat.os.cve.products import (
    Assessment,
    Product,
    assessed,
    is_certain,
    is_other,
    products_of,
)
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Knowledge, Standing, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme, older, upstream_of


class Confidence(StrEnum):
    """``possible`` is a hint: name and version fit, but nobody says that it is this package."""

    CERTAIN = "certain"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability in one source, with the packages that were made from it."""

    vulnerability: str
    severity: Severity
    score: float | None
    source: str
    packages: tuple[str, ...]
    version: str
    fixed: str | None
    """The first version without it; ``None``: nobody has fixed it."""
    knowledge: Knowledge
    confidence: Confidence
    summary: str = ""
    assessment: Assessment | None = None
    ecosystem: str = ""
    """Of a library (``Go``, ``PyPI``); ``source`` is then its name."""
    places: tuple[str, ...] = ()
    """Programs and folders that hold the library."""

    @property
    def counts(self) -> bool:
        """It is sure and nobody excused it."""
        return not self.excused and self.confidence is Confidence.CERTAIN

    @property
    def excused(self) -> bool:
        return self.assessment is not None and self.assessment.excuses


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: the suite of Debian packages, the ecosystem of other RPMs."""

    suite: str
    ecosystem: str | None = None

    def ecosystems(self, package: Installed) -> tuple[str, ...]:
        if package.is_debian:
            return (f"Debian:{self.suite}", "Debian")
        return (self.ecosystem,) if self.ecosystem else ()


def names_of(packages: Iterable[Installed], products: Mapping[str, Product]) -> set[str]:
    """Every name under which some source may speak of one of the packages."""
    found: set[str] = set()
    for package in packages:
        found |= {package.name, package.source, *products_of(package.source, dict(products))}
    return found


def found(
    packages: Sequence[Installed],
    statements: Iterable[Statement],
    scope: Scope,
    products: Mapping[str, Product],
) -> list[Finding]:
    """Vulnerabilities in ``packages``, not yet described; see :func:`described`."""
    by_package: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        by_package[statement.package].append(statement)
    groups: dict[tuple[str, str], list[Installed]] = defaultdict(list)
    for package in packages:
        groups[package.source, package.source_version].append(package)
    findings = [
        finding
        for group in groups.values()
        for finding in _of_source(group, by_package, scope, dict(products))
    ]
    return sorted(findings, key=_order)


def described(
    findings: Iterable[Finding],
    known: Mapping[str, Sequence[Vulnerability]],
    assessments: Sequence[Assessment],
    today: dt.date,
) -> list[Finding]:
    """With severity, summary and our own assessment; the worst first."""
    return sorted(
        (
            _described(each, known.get(each.vulnerability, ()), assessments, today)
            for each in findings
        ),
        key=lambda each: (-each.severity.rank, *_order(each)),
    )


def _of_source(
    group: list[Installed],
    by_package: Mapping[str, list[Statement]],
    scope: Scope,
    products: dict[str, Product],
) -> Iterable[Finding]:
    first = group[0]
    by_id: dict[str, list[Statement]] = defaultdict(list)
    for name in {first.source, *(package.name for package in group)}:
        for statement in by_package.get(name, ()):
            if statement.ecosystem in scope.ecosystems(first):
                by_id[statement.vulnerability].append(statement)
    for product in products_of(first.source, products):
        for statement in by_package.get(product, ()):
            vendor = statement.note
            if statement.knowledge is Knowledge.NVD and not is_other(product, vendor, products):
                by_id[statement.vulnerability].append(statement)
    for said in by_id.values():
        finding = _decided(group, said, products)
        if finding is not None:
            yield finding


def _decided(
    group: list[Installed], said: list[Statement], products: dict[str, Product]
) -> Finding | None:
    """The finding of one vulnerability, if the most believed source says that there is one."""
    first = group[0]
    best = min(statement.knowledge.rank for statement in said)
    decisive = [statement for statement in said if statement.knowledge.rank == best]
    if any(statement.standing is Standing.UNDETERMINED for statement in decisive):
        return None
    version = _compared_version(first, decisive[0])
    covering = [statement for statement in decisive if statement.covers(version)]
    if not covering:
        return None
    identity, knowledge = covering[0].vulnerability, covering[0].knowledge
    fixed_by_itself = any(identity in package.fixes for package in group)
    if fixed_by_itself and knowledge in (Knowledge.NVD, Knowledge.CHANGELOG):
        return None
    certain = knowledge is not Knowledge.NVD or any(
        is_certain(statement.package, statement.note, products) for statement in covering
    )
    return Finding(
        identity,
        _urgency(covering),
        None,
        first.source,
        tuple(sorted({package.name for package in group})),
        first.source_version,
        highest_fix(covering),
        knowledge,
        Confidence.CERTAIN if certain else Confidence.POSSIBLE,
    )


def _compared_version(package: Installed, statement: Statement) -> str:
    """Upstream's own number where upstream's numbers are spoken of."""
    if statement.scheme is Scheme.UPSTREAM:
        return upstream_of(package.source_version)
    return package.source_version if package.is_debian else package.version


def highest_fix(covering: Sequence[Statement]) -> str | None:
    """The highest of what is named: with it all of the statements are content."""
    versions = [statement.fixed for statement in covering]
    if any(version is None for version in versions):
        return None
    highest = versions[0]
    for version in versions[1:]:
        if (
            highest is not None
            and version is not None
            and older(highest, version, covering[0].scheme)
        ):
            highest = version
    return highest


def _urgency(covering: list[Statement]) -> Severity:
    """The tracker's word; only ``unimportant`` outweighs a score."""
    if covering[0].knowledge is not Knowledge.TRACKER:
        return Severity.UNKNOWN
    return tracker.severity_of(covering[0].note)


def _described(
    finding: Finding,
    known: Sequence[Vulnerability],
    assessments: Sequence[Assessment],
    today: dt.date,
) -> Finding:
    scored = [each for each in known if each.worded is not Severity.UNKNOWN]
    # NVD's own score first: it is made for everybody; others speak of their own product.
    scored.sort(key=lambda each: each.knowledge is not Knowledge.NVD)
    severity, score = finding.severity, None
    if scored:
        score = scored[0].score
        severity = severity if severity is Severity.NEGLIGIBLE else scored[0].worded
    summary = next((each.summary for each in known if each.summary), "")
    return replace(
        finding,
        severity=severity,
        score=score,
        summary=summary,
        assessment=assessed(assessments, finding.vulnerability, finding.source, today),
    )


def _order(finding: Finding) -> tuple[str, tuple[int, int, str], str]:
    return (finding.source, cve_order(finding.vulnerability), finding.version)
