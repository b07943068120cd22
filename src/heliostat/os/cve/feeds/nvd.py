"""NVD's JSON feeds, 2.0 (also answers of its API) and 1.1.

Formats: NIST's ``cve_api_json_2.0.schema`` and ``nvd_cve_feed_json_1.1.schema``.  Only
what can be software on a Linux system becomes a statement; a vulnerability without one
is kept for its score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from heliostat.os.cve.feeds.cpe import Cpe, parse
from heliostat.os.cve.feeds.unreadable import decoded
from heliostat.os.cve.severity import Severity
from heliostat.os.cve.statement import Entry, Fact, Knowledge, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme

ECOSYSTEM = "cpe"


class _Text(msgspec.Struct):
    lang: str
    value: str


class _Score(msgspec.Struct, rename="camel"):
    base_score: float
    vector_string: str = ""


class _Metric(msgspec.Struct, rename="camel"):
    cvss_data: _Score
    type: str = "Primary"


class _Metrics(msgspec.Struct):
    v31: list[_Metric] = msgspec.field(name="cvssMetricV31", default_factory=list)
    v30: list[_Metric] = msgspec.field(name="cvssMetricV30", default_factory=list)
    v40: list[_Metric] = msgspec.field(name="cvssMetricV40", default_factory=list)
    v2: list[_Metric] = msgspec.field(name="cvssMetricV2", default_factory=list)


class Match(msgspec.Struct, rename="camel"):
    """One CPE with a range of versions; the same in both feeds but for the name's key."""

    vulnerable: bool
    criteria: str = ""
    cpe23_uri: str = msgspec.field(name="cpe23Uri", default="")
    version_start_including: str | None = None
    version_start_excluding: str | None = None
    version_end_including: str | None = None
    version_end_excluding: str | None = None


class Node(msgspec.Struct):
    operator: str = "OR"
    negate: bool = False
    matches: list[Match] = msgspec.field(name="cpeMatch", default_factory=list)
    matches_11: list[Match] = msgspec.field(name="cpe_match", default_factory=list)
    children: list[Node] = []

    def all_matches(self) -> Iterator[Match]:
        yield from self.matches
        yield from self.matches_11
        for child in self.children:
            yield from child.all_matches()


class _Configuration(msgspec.Struct):
    nodes: list[Node]
    operator: str = "OR"


class _Cve(msgspec.Struct, rename="camel"):
    id: str
    descriptions: list[_Text] = []
    metrics: _Metrics = msgspec.field(default_factory=_Metrics)
    configurations: list[_Configuration] = []
    published: str = ""
    last_modified: str = ""
    vuln_status: str = ""


class _Item(msgspec.Struct):
    cve: _Cve


class _Feed(msgspec.Struct):
    vulnerabilities: list[_Item]


def read(content: bytes, name: str) -> Iterator[Entry]:
    """Entries of a 2.0 feed."""
    for item in decoded(content, _Feed, name, "an NVD 2.0 feed").vulnerabilities:
        cve = item.cve
        rejected = cve.vuln_status == "Rejected"
        yield entry(cve.id, cve.last_modified, () if rejected else _facts(cve))


def entry(cve: str, modified: str, facts: Iterable[Fact]) -> Entry:
    """One CVE of either feed."""
    return Entry(Knowledge.NVD, cve, modified, tuple(facts))


def _facts(cve: _Cve) -> Iterator[Fact]:
    score = _best_score(cve.metrics)
    yield Vulnerability(
        cve.id,
        Knowledge.NVD,
        _english(cve.descriptions),
        None if score is None else score.base_score,
        "" if score is None else score.vector_string,
        Severity.UNKNOWN,
        cve.published,
        cve.last_modified,
    )
    for configuration in cve.configurations:
        yield from statements(cve.id, configuration.nodes, configuration.operator)


def statements(cve: str, nodes: list[Node], operator: str = "OR") -> Iterator[Statement]:
    """One a vulnerable CPE; none if it takes another operating system as well."""
    everything = [match for node in nodes for match in node.all_matches()]
    joined = operator == "AND" or any(node.operator == "AND" for node in nodes)
    platforms = [_name(match) for match in everything if not match.vulnerable]
    if joined and platforms and all(each is None or each.other_system for each in platforms):
        return
    if any(node.negate for node in nodes):
        return
    for match in everything:
        cpe = _name(match)
        if match.vulnerable and cpe is not None and cpe.runs_here:
            yield from _statement(cve, match, cpe)


def _statement(cve: str, match: Match, cpe: Cpe) -> Iterator[Statement]:
    bounds = (
        match.version_start_including,
        match.version_start_excluding,
        match.version_end_excluding,
        match.version_end_including,
    )
    start, after, fixed, last = bounds
    if not any(bounds):
        if cpe.version in ("*", "-"):
            return  # "all versions, whatever they are": says nothing about this one
        update = cpe.update if cpe.update not in ("*", "-") else ""
        start = last = cpe.version + update
    yield Statement(
        cve,
        Knowledge.NVD,
        ECOSYSTEM,
        cpe.product,
        Scheme.UPSTREAM,
        introduced=start,
        introduced_after=after,
        fixed=fixed,
        last_affected=last,
        note=cpe.vendor,
    )


def _name(match: Match) -> Cpe | None:
    return parse(match.criteria or match.cpe23_uri)


def _best_score(metrics: _Metrics) -> _Score | None:
    """The newest CVSS of version 3 before 4 and 2, NVD's own before that of others."""
    for listed in (metrics.v31, metrics.v30, metrics.v40, metrics.v2):
        for metric in sorted(listed, key=lambda each: each.type != "Primary"):
            return metric.cvss_data
    return None


def _english(texts: Iterable[_Text]) -> str:
    return next((text.value for text in texts if text.lang == "en"), "")
