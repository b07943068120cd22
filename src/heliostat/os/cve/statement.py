"""What a source of knowledge says: of a vulnerability, and of a package's versions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heliostat.os.cve.severity import Severity, severity_of
from heliostat.os.cve.versions import Scheme, older


class Knowledge(StrEnum):
    """Who says so; in the order in which they are believed about a Debian package."""

    TRACKER = "debian-tracker"
    OSV = "osv"
    CHANGELOG = "changelog"
    NVD = "nvd"

    @property
    def rank(self) -> int:
        return list(Knowledge).index(self)


class Standing(StrEnum):
    """What a statement says about the versions it speaks of."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not affected"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One entry of one source."""

    id: str
    knowledge: Knowledge
    summary: str = ""
    score: float | None = None
    vector: str = ""
    severity: Severity = Severity.UNKNOWN
    published: str = ""
    modified: str = ""

    @property
    def worded(self) -> Severity:
        """The word given, else that of the score."""
        known = self.severity is not Severity.UNKNOWN
        return self.severity if known else severity_of(self.score)


@dataclass(frozen=True, slots=True)
class Statement:
    """Which versions of one package are affected, in one ecosystem."""

    vulnerability: str
    knowledge: Knowledge
    ecosystem: str
    """``Debian:trixie``, ``Debian`` (any suite), ``PyPI``, ``cpe`` …"""
    package: str
    scheme: Scheme
    standing: Standing = Standing.AFFECTED
    introduced: str | None = None
    """The first affected version; ``None``: from the beginning."""
    introduced_after: str | None = None
    fixed: str | None = None
    """The first version that is not affected any more; ``None``: not fixed."""
    last_affected: str | None = None
    note: str = ""
    """The vendor for ``cpe``, the urgency of the tracker."""

    def covers(self, version: str) -> bool:
        """Whether it says that ``version`` is affected."""
        if self.standing is not Standing.AFFECTED:
            return False
        if self.introduced is not None and older(version, self.introduced, self.scheme):
            return False
        if self.introduced_after is not None and not older(
            self.introduced_after, version, self.scheme
        ):
            return False
        if self.fixed is not None:
            return older(version, self.fixed, self.scheme)
        if self.last_affected is not None:
            return not older(self.last_affected, version, self.scheme)
        return True


Fact = Vulnerability | Statement


@dataclass(frozen=True, slots=True)
class Entry:
    """What one record of a source says now; it takes the place of what it said before.

    Without facts the record was withdrawn.
    """

    knowledge: Knowledge
    record: str
    modified: str
    """ISO 8601, empty where a source doesn't tell; an older entry doesn't replace a newer."""
    facts: tuple[Fact, ...] = ()
