"""What an audit found: a verdict a rule, each with its evidence.

A verdict is ``fail`` as soon as one finding isn't excused; excused findings stay in the
report with the reason, so that nobody has to guess why a file may deviate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is when the rule does not hold."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Outcome(StrEnum):
    """How a rule came out."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place that was looked at: what is there and what should be."""

    path: str
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Excused:
    """A deviation that an exception allows."""

    evidence: Evidence
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one tree."""

    rule: str
    title: str
    severity: Severity
    outcome: Outcome
    summary: str
    evidence: tuple[Evidence, ...] = ()
    """What breaks the rule; for a rule that holds, what shows it."""
    excused: tuple[Excused, ...] = ()
    standards: tuple[str, ...] = ()
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts, in the order of the rules."""

    subject: str
    system: str
    verdicts: tuple[Verdict, ...]

    @property
    def failed(self) -> tuple[Verdict, ...]:
        return tuple(each for each in self.verdicts if each.outcome is Outcome.FAIL)

    @property
    def passed(self) -> bool:
        return not self.failed

    def failed_from(self, severity: Severity) -> tuple[Verdict, ...]:
        """Failures at least as bad as ``severity``."""
        return tuple(each for each in self.failed if each.severity.rank >= severity.rank)

    def counts(self) -> dict[Outcome, int]:
        counted = Counter(each.outcome for each in self.verdicts)
        return {outcome: counted[outcome] for outcome in Outcome}


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures before the rest, the severest first, otherwise as they were."""
    return sorted(
        verdicts, key=lambda each: (each.outcome is not Outcome.FAIL, -each.severity.rank)
    )
