"""A report for people (lines of text) and for programs (plain values for JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from heliostat.os.harden.report import Evidence, Outcome, Report, Severity, Verdict, worst_first

_SHOWN = 10


def lines(report: Report, *, shown: int = _SHOWN) -> Iterator[str]:
    """Failures with ``shown`` places each, then one line for every other rule, then the sum."""
    yield f"Audit of {report.subject} ({report.system})"
    yield ""
    for verdict in worst_first(report.verdicts):
        yield _heading(verdict)
        if verdict.outcome is Outcome.FAIL:
            yield from _failure(verdict, shown)
    yield ""
    yield summary(report)


def summary(report: Report) -> str:
    """One sentence with the numbers."""
    counts = report.counts()
    told = ", ".join(
        f"{len(failed)} {severity}"
        for severity in reversed(Severity)
        if (failed := [each for each in report.failed if each.severity is severity])
    )
    failures = f"{counts[Outcome.FAIL]} fail ({told})" if told else "none fails"
    passed, without = counts[Outcome.PASS], counts[Outcome.NOT_APPLICABLE]
    excused = sum(len(each.excused) for each in report.verdicts)
    sentence = f"{len(report.verdicts)} rules: {passed} pass, {failures}, {without} not applicable."
    return f"{sentence} {excused} findings are excused by name." if excused else sentence


def values(report: Report) -> dict[str, Any]:
    """The whole report with camel-case keys."""
    counts = report.counts()
    return {
        "subject": report.subject,
        "system": report.system,
        "passed": report.passed,
        "summary": {
            "pass": counts[Outcome.PASS],
            "fail": counts[Outcome.FAIL],
            "notApplicable": counts[Outcome.NOT_APPLICABLE],
        },
        "rules": [_verdict(each) for each in report.verdicts],
    }


def evidence_line(evidence: Evidence) -> str:
    return f"{evidence.path}: {evidence.found}; wanted: {evidence.wanted}"


def _heading(verdict: Verdict) -> str:
    outcome = {Outcome.NOT_APPLICABLE: "n/a"}.get(verdict.outcome, verdict.outcome.value)
    return f"{outcome:<4}  {verdict.severity.value:<6}  {verdict.rule:<24}  {verdict.title}"


def _failure(verdict: Verdict, shown: int) -> Iterator[str]:
    yield f"      {verdict.summary}"
    for evidence in verdict.evidence[:shown]:
        yield f"        {evidence_line(evidence)}"
    if len(verdict.evidence) > shown:
        yield f"        … and {len(verdict.evidence) - shown} more (`-o json` lists all)"
    yield f"      To do: {verdict.remediation}"
    if verdict.standards:
        yield f"      {', '.join(verdict.standards)}"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "title": verdict.title,
        "severity": verdict.severity.value,
        "outcome": verdict.outcome.value,
        "summary": verdict.summary,
        "standards": list(verdict.standards),
        "remediation": verdict.remediation,
        "evidence": [asdict(each) for each in verdict.evidence],
        "excused": [
            {**asdict(each.evidence), "reason": each.reason, "until": each.until}
            for each in verdict.excused
        ],
    }
