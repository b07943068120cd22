"""Scans and vulnerabilities for people (lines of text) and for programs (plain values)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from heliostat.os.cve.matching import Confidence, Finding
from heliostat.os.cve.scanning import Scan
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Standing, Statement, Vulnerability

_TITLES = ("ID", "SEVERITY", "SCORE", "SOURCE", "INSTALLED", "FIXED IN", "KNOWN FROM", "")


def scan_lines(scan: Scan, *, everything: bool) -> Iterator[str]:
    """A table of what counts; hints and excused findings too if ``everything``."""
    shown = [each for each in scan.findings if everything or each.counts]
    if shown:
        yield from columns([_TITLES, *(_row(finding) for finding in shown)])
        yield ""
    yield scan_summary(scan)


def scan_summary(scan: Scan) -> str:
    """One or two sentences with the numbers."""
    sources = len({package.source for package in scan.subject.packages})
    looked = f"{_counted(len(scan.subject.packages), 'package')} of {_counted(sources, 'source')}"
    by_severity = Counter(finding.severity for finding in scan.counting)
    told = ", ".join(f"{by_severity[s]} {s}" for s in reversed(Severity) if by_severity[s])
    found = f"{_counted(len(scan.counting), 'finding')} ({told})" if told else "nothing found"
    excused = sum(finding.excused for finding in scan.findings)
    hints = len(scan.findings) - len(scan.counting) - excused
    if scan.subject.libraries:
        libraries = len(scan.subject.libraries)
        looked += f" and {libraries} librar{'y' if libraries == 1 else 'ies'} in them"
    sentence = f"{looked} looked at (Debian {scan.suite}): {found}."
    if excused or hints:
        sentence += f" Not counted: {excused} excused by an assessment, {hints} by name or"
        sentence += " upstream's version only (`--all` lists them)."
    return sentence


def scan_values(scan: Scan) -> dict[str, Any]:
    """The whole scan with camel-case keys."""
    return {
        "subject": scan.subject.name,
        "suite": scan.suite,
        "packages": len(scan.subject.packages),
        "libraries": len(scan.subject.libraries),
        "counting": len(scan.counting),
        "findings": [_finding(each) for each in scan.findings],
    }


def known_lines(
    identity: str, told: Sequence[Vulnerability], said: Sequence[Statement]
) -> Iterator[str]:
    """All that the database has about one id."""
    yield identity
    for each in told:
        score = f", CVSS {each.score} {each.vector}" if each.score is not None else ""
        yield f"  {each.knowledge}: {each.worded}{score}"
        if each.summary:
            yield f"    {each.summary.partition(chr(10))[0]}"
    rows = [(s.ecosystem, s.package, versions_told(s), s.knowledge.value, s.note) for s in said]
    if rows:
        yield ""
        yield from columns([("ECOSYSTEM", "PACKAGE", "VERSIONS", "KNOWN FROM", "NOTE"), *rows])


def known_values(
    identity: str, told: Sequence[Vulnerability], said: Sequence[Statement]
) -> dict[str, Any]:
    return {
        "id": identity,
        "told": [
            {
                "knowledge": each.knowledge.value,
                "severity": each.worded.value,
                "score": each.score,
                "vector": each.vector,
                "summary": each.summary,
                "published": each.published,
                "modified": each.modified,
            }
            for each in told
        ],
        "statements": [
            {
                "knowledge": each.knowledge.value,
                "ecosystem": each.ecosystem,
                "package": each.package,
                "standing": each.standing.value,
                "versions": versions_told(each),
                "fixed": each.fixed,
                "note": each.note,
            }
            for each in said
        ],
    }


def versions_told(statement: Statement) -> str:
    """The affected versions in words."""
    if statement.standing is not Standing.AFFECTED:
        return statement.standing.value
    start = ""
    if statement.introduced is not None:
        start = f"from {statement.introduced} "
    elif statement.introduced_after is not None:
        start = f"after {statement.introduced_after} "
    if statement.fixed is not None:
        return f"{start}before {statement.fixed}"
    if statement.last_affected is not None:
        return f"{start}up to {statement.last_affected}"
    return f"{start}all, not fixed" if not start else f"{start}on, not fixed"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned, two spaces between."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(finding: Finding) -> tuple[str, ...]:
    remark = _remark(finding)
    if finding.assessment is not None:
        remark = f"{finding.assessment.status}: {finding.assessment.justification}"
    return (
        finding.vulnerability,
        finding.severity.value,
        "-" if finding.score is None else f"{finding.score:.1f}",
        f"{finding.source} ({finding.ecosystem})" if finding.ecosystem else finding.source,
        finding.version,
        finding.fixed or "-",
        finding.knowledge.value,
        remark,
    )


def _remark(finding: Finding) -> str:
    """What makes it a hint, or where a library is."""
    if finding.confidence is Confidence.CERTAIN and not finding.places:
        return ""
    if not finding.places:
        return "by name only"
    more = len(finding.places) - 1
    told = f"in {finding.places[0]}" + (f" and {more} more" if more else "")
    if finding.confidence is Confidence.POSSIBLE:
        return f"{told}; packaged by a distribution that says nothing of it"
    return told


def _finding(finding: Finding) -> dict[str, Any]:
    assessment = finding.assessment
    return {
        "id": finding.vulnerability,
        "severity": finding.severity.value,
        "score": finding.score,
        "source": finding.source,
        "packages": list(finding.packages),
        "ecosystem": finding.ecosystem,
        "places": list(finding.places),
        "installed": finding.version,
        "fixedIn": finding.fixed,
        "knownFrom": finding.knowledge.value,
        "confidence": finding.confidence.value,
        "summary": finding.summary,
        "assessment": assessment
        and {
            "status": assessment.status.value,
            "justification": assessment.justification,
            "until": assessment.until.isoformat(),
        },
    }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
