"""The Debian security tracker's snapshot: one JSON object, source package → id → suites.

A ``fixed_version`` of ``0`` says that no version in the suite was ever affected.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from heliostat.os.cve.feeds.unreadable import decoded, unreadable
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Entry, Fact, Knowledge, Standing, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme

_URGENCIES = {
    "unimportant": Severity.NEGLIGIBLE,
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
}


class _Suite(msgspec.Struct):
    status: str
    urgency: str = ""
    fixed_version: str | None = None


class _Issue(msgspec.Struct):
    releases: dict[str, _Suite]
    description: str = ""


def read(content: bytes, name: str) -> Iterator[Entry]:
    """An entry a source package; ids that are no CVE (``TEMP-…``) keep their name."""
    packages = decoded(content, dict[str, dict[str, _Issue]], name, "a snapshot of the tracker")
    if not packages:
        raise unreadable(name, "it names no package")
    for package, issues in packages.items():
        yield Entry(Knowledge.TRACKER, package, "", tuple(_facts(package, issues)))


def _facts(package: str, issues: dict[str, _Issue]) -> Iterator[Fact]:
    for identity, issue in issues.items():
        yield Vulnerability(identity, Knowledge.TRACKER, issue.description.strip())
        for suite, state in issue.releases.items():
            yield _statement(identity, package, suite, state)


def severity_of(note: str) -> Severity:
    """The word of an urgency; asterisks mark guesses of the tracker."""
    return _URGENCIES.get(note.rstrip("*"), Severity.UNKNOWN)


def _statement(identity: str, package: str, suite: str, state: _Suite) -> Statement:
    standing = Standing.AFFECTED
    fixed = state.fixed_version if state.status == "resolved" else None
    if state.status == "undetermined":
        standing = Standing.UNDETERMINED
    elif state.status == "resolved" and fixed in ("0", None):
        standing, fixed = Standing.NOT_AFFECTED, None
    return Statement(
        identity,
        Knowledge.TRACKER,
        f"Debian:{suite}",
        package,
        Scheme.DPKG,
        standing,
        fixed=fixed,
        note=state.urgency,
    )
