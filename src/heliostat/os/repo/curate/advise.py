"""What an update is about, read from the changelogs between the two versions; pure.

Security if it fixes vulnerabilities or comes through a security suite; a bug fix if
only the packaging's revision moved; an enhancement otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heliostat.os.cve.changelogs import cve_order, fixed_by
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.advisory import Advisory, AdvisoryKind, Reference, Severity
from heliostat.os.repo.curate.rules import Rules
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.record import Change

Rate = Callable[[str], Severity]
"""How bad a vulnerability is; NONE where nobody knows."""

_RANKS = [Severity.NONE, Severity.LOW, Severity.MODERATE, Severity.IMPORTANT, Severity.CRITICAL]


@dataclass(frozen=True, slots=True)
class Update:
    """One package before (if it was there) and after, with its changelog, newest first or last."""

    before: LockedPackage | None
    after: LockedPackage
    changes: tuple[Change, ...]
    source_rpm: str = ""

    def news(self) -> list[Change]:
        """Entries that the package from before didn't have; all, if there was none."""
        if self.before is None:
            return []
        return [each for each in self.changes if self.before.order < _version(each)]


def advise(
    id_: str,
    source: str,
    updates: Sequence[Update],
    rules: Rules,
    *,
    security: bool,
    now: int,
    rate: Rate = lambda _: Severity.NONE,
) -> Advisory:
    """The advisory of one source's updates."""
    news = _unique(change for each in updates for change in each.news())
    cves = sorted({cve for each in news for cve in fixed_by(each.text.splitlines())}, key=cve_order)
    kind = _kind(updates, security=security or bool(cves))
    version = max((each.after for each in updates), key=lambda each: each.order).evr
    return Advisory(
        id=id_,
        kind=kind,
        severity=_severity(cves, rate) if kind is AdvisoryKind.SECURITY else Severity.NONE,
        title=_title(source, version, kind, cves),
        description=_description(news, rules),
        issued=now,
        updated=now,
        references=tuple(
            Reference("cve", cve, rules.cve_reference.format(id=cve), cve) for cve in cves
        ),
        packages=tuple(sorted(each.after for each in updates)),
        sources={each.after.name: each.source_rpm for each in updates},
        reboot=any(rules.needs_reboot(each.after.name) for each in updates),
    )


def _kind(updates: Sequence[Update], *, security: bool) -> AdvisoryKind:
    if security:
        return AdvisoryKind.SECURITY
    same = all(
        each.before is not None
        and (each.before.epoch, each.before.version) == (each.after.epoch, each.after.version)
        for each in updates
        if each.before is not None
    )
    return AdvisoryKind.BUGFIX if same else AdvisoryKind.ENHANCEMENT


def _severity(cves: Sequence[str], rate: Rate) -> Severity:
    """The worst of those that somebody rated; Moderate where nobody rated any."""
    worst = max((rate(cve) for cve in cves), key=_RANKS.index, default=Severity.NONE)
    return Severity.MODERATE if worst is Severity.NONE else worst


def _title(source: str, version: str, kind: AdvisoryKind, cves: Sequence[str]) -> str:
    if not cves:
        return f"{source} {version}: {kind.value} update"
    more = f" and {len(cves) - 3} more" if len(cves) > 3 else ""
    return f"{source} {version} fixes {', '.join(cves[:3])}{more}"


def _description(news: Sequence[Change], rules: Rules) -> str:
    text = "\n\n".join(f"{_version(each)}:\n{each.text.strip()}" for each in news)
    if not text:
        return "The packages' changelogs say nothing of what changed."
    return text if len(text) <= rules.most_text else text[: rules.most_text].rstrip() + " …"


def _unique(changes: Iterable[Change]) -> list[Change]:
    """Packages of one source have the same entries; newest first."""
    found = {(str(_version(each)), each.text): each for each in changes}
    return sorted(found.values(), key=_version, reverse=True)


def _version(change: Change) -> Evr:
    """The entry's version: what follows the last dash of its author line."""
    return Evr.parse(change.author.rpartition(" - ")[2])
