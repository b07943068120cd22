"""The audit itself: rules and a tree in, a report out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from heliostat.os.harden.checks.finding import Finding
from heliostat.os.harden.exemptions import Exemption, excuse, lapsed, load_exemptions
from heliostat.os.harden.keyvalues import settings
from heliostat.os.harden.report import Evidence, Excused, Outcome, Report, Verdict
from heliostat.os.harden.rules import Rule, load_rules
from heliostat.os.harden.tree import Tree


def audit(
    root: Path | Tree,
    rules: Sequence[Rule] | None = None,
    exceptions: Sequence[Exemption] | None = None,
    *,
    today: dt.date | None = None,
    subject: str | None = None,
) -> Report:
    """Every rule on the tree at ``root``; rules and exceptions are those of ``distro/audit``."""
    tree = root if isinstance(root, Tree) else Tree(root)
    known = load_exemptions() if exceptions is None else exceptions
    day = today or dt.datetime.now(dt.UTC).date()
    verdicts = (
        _verdict(rule, _looked(rule, tree), known, day, tree.built_here)
        for rule in (load_rules() if rules is None else rules)
    )
    return Report(subject or str(tree.root), system_of(tree), tuple(verdicts))


def system_of(tree: Tree) -> str:
    """The name by which the system calls itself."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        named = settings(tree, path).get("PRETTY_NAME")
        if named is not None:
            return named.value
    return "a system without os-release"


def _looked(rule: Rule, tree: Tree) -> Finding:
    if rule.needs and not any(tree.exists(path) or tree.matching(path) for path in rule.needs):
        return Finding(f"There is no {' and no '.join(rule.needs)}.", applies=False)
    check, parameters = rule.check
    return check(tree, parameters)


def _verdict(
    rule: Rule, finding: Finding, known: Sequence[Exemption], day: dt.date, ours: frozenset[str]
) -> Verdict:
    broken: list[Evidence] = []
    excused: list[Excused] = []
    for evidence in finding.broken:
        exemption = excuse(known, rule.id, evidence.path, day, ours=evidence.path in ours)
        if exemption is None:
            broken.append(_with_lapsed(evidence, lapsed(known, rule.id, evidence.path, day)))
        else:
            excused.append(Excused(evidence, exemption.reason, exemption.until.isoformat()))
    outcome = Outcome.FAIL if broken else Outcome.PASS
    return Verdict(
        rule.id,
        rule.title,
        rule.severity,
        outcome if finding.applies else Outcome.NOT_APPLICABLE,
        _summary(finding, len(broken), len(excused)),
        tuple(broken) or finding.held,
        tuple(excused),
        rule.standards.told(),
        rule.remediation,
    )


def _with_lapsed(evidence: Evidence, exemption: Exemption | None) -> Evidence:
    if exemption is None:
        return evidence
    since = exemption.until.isoformat()
    return Evidence(evidence.path, f"{evidence.found}; excused until {since}", evidence.wanted)


def _summary(finding: Finding, broken: int, excused: int) -> str:
    if not excused:
        return finding.summary
    return f"{finding.summary} {excused} excused by name, {broken} not."
