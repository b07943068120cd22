"""OSV records: one JSON object, a list of them, or a zip archive as OSV publishes it.

Format: the OSV schema 1.x.  An advisory (``DSA-…``, ``GHSA-…``) is filed under the CVE
ids it is about, under its own id if there are none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cmp_to_key

import msgspec

from heliostat.os.cve.feeds.unreadable import decoded, unreadable
from heliostat.os.cve.severity import Severity, base_score
from heliostat.os.cve.statement import Entry, Fact, Knowledge, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme, older
from heliostat.os.inventory.libraries import python_key

SUITES = {
    "10": "buster",
    "11": "bullseye",
    "12": "bookworm",
    "13": "trixie",
    "14": "forky",
}
"""OSV numbers Debian's releases, the tracker names them."""

_DPKG = ("Debian", "Ubuntu", "Echo")
_RPM = (
    *("AlmaLinux", "Azure Linux", "Mageia", "Photon OS", "Red Hat", "Rocky Linux", "SUSE"),
    *("openEuler", "openSUSE"),
)
_OTHERS = (
    *("Alpaquita", "Alpine", "Android", "BellSoft Hardened Containers", "Bioconductor", "Bitnami"),
    *("CRAN", "Chainguard", "CleanStart", "ConanCenter", "GHC", "GIT", "GSD", "GitHub Actions"),
    *(
        "Go",
        "Hackage",
        "Hex",
        "Julia",
        "Kubernetes",
        "Linux",
        "Maven",
        "MinimOS",
        "NuGet",
        "OSS-Fuzz",
    ),
    *(
        "Packagist",
        "Pub",
        "PyPI",
        "RubyGems",
        "SwiftURL",
        "UVI",
        "VSCode",
        "Wolfi",
        "crates.io",
        "npm",
    ),
    "Docker Hardened Images",
)
_LIBRARIES = {"Go": Scheme.SEMVER, "PyPI": Scheme.PEP440}
_ECOSYSTEMS = frozenset((*_DPKG, *_RPM, *_OTHERS))


class _Package(msgspec.Struct):
    name: str
    ecosystem: str


class _Event(msgspec.Struct):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None

    @property
    def version(self) -> str:
        """That it speaks of; ``0`` is before all."""
        return self.introduced or self.fixed or self.last_affected or self.limit or "0"


class _Range(msgspec.Struct):
    type: str
    events: list[_Event]


class _Score(msgspec.Struct):
    type: str
    score: str


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] = []
    versions: list[str] = []
    severity: list[_Score] = []


class Record(msgspec.Struct):
    """One advisory."""

    id: str
    modified: str
    published: str = ""
    withdrawn: str = ""
    summary: str = ""
    details: str = ""
    aliases: list[str] = []
    upstream: list[str] = []
    related: list[str] = []
    severity: list[_Score] = []
    affected: list[_Affected] = []

    @property
    def ids(self) -> list[str]:
        """What it is filed under."""
        about = [self.id, *self.aliases, *self.upstream]
        cves = list(dict.fromkeys(each for each in about if each.startswith("CVE-")))
        if not cves and self.id.startswith(("DSA-", "DLA-", "DTSA-", "USN-")):
            cves = [each for each in self.related if each.startswith("CVE-")]
        return cves or [self.id]


def read(content: bytes, name: str) -> Iterator[Entry]:
    """An entry a record: of one, or of a list of records."""
    if content.lstrip()[:1] == b"[":
        records = decoded(content, list[Record], name, "a list of OSV records")
    else:
        records = [decoded(content, Record, name, "an OSV record")]
    for record in records:
        facts = () if record.withdrawn else tuple(_facts(record, name))
        yield Entry(Knowledge.OSV, record.id, record.modified, facts)


def _facts(record: Record, name: str) -> Iterator[Fact]:
    """``KnowledgeUnreadable`` for an ecosystem that OSV doesn't have."""
    vector, score = _score(record)
    for identity in record.ids:
        yield Vulnerability(
            identity,
            Knowledge.OSV,
            record.summary or record.details.partition("\n")[0],
            score,
            vector,
            Severity.UNKNOWN,
            record.published,
            record.modified,
        )
        for affected in record.affected:
            if affected.package is not None:
                yield from _statements(identity, affected, affected.package, name)


def _statements(
    identity: str, affected: _Affected, package: _Package, name: str
) -> Iterator[Statement]:
    ecosystem, scheme = _known(package.ecosystem, name)
    called = python_key(package.name) if ecosystem == "PyPI" else package.name
    ranges = [each for each in affected.ranges if each.type != "GIT"]
    if ranges:
        spans = [span for each in ranges for span in _spans(_sorted(each.events, scheme))]
    else:
        spans = [(version, None, version) for version in affected.versions]
    for introduced, fixed, last in spans:
        yield Statement(
            identity,
            Knowledge.OSV,
            ecosystem,
            called,
            scheme,
            introduced=introduced,
            fixed=fixed,
            last_affected=last,
        )


def _sorted(events: list[_Event], scheme: Scheme) -> list[_Event]:
    """In the order of versions: records may list events in any (OSV schema, "Evaluation")."""

    def compared(one: _Event, two: _Event) -> int:
        left, right = one.version, two.version
        if "0" in (left, right):
            return (right == "0") - (left == "0")
        return older(right, left, scheme) - older(left, right, scheme)

    return sorted(events, key=cmp_to_key(compared))


def _spans(events: list[_Event]) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Introduced, fixed and last affected version of each stretch of affected versions."""
    begun: str | None = None
    for event in events:
        if event.introduced is not None:
            if begun is not None:
                yield _first(begun), None, None
            begun = event.introduced
        elif begun is not None and (event.fixed or event.last_affected):
            yield _first(begun), event.fixed, event.last_affected
            begun = None
    if begun is not None:
        yield _first(begun), None, None


def _first(version: str) -> str | None:
    return None if version == "0" else version


def _known(ecosystem: str, name: str) -> tuple[str, Scheme]:
    """The ecosystem in our spelling and whose order its versions have."""
    base, _, release = ecosystem.partition(":")
    if base not in _ECOSYSTEMS:
        near = difflib.get_close_matches(base, _ECOSYSTEMS, n=1, cutoff=0.5)
        told = f"; did it mean {near[0]}?" if near else ""
        raise unreadable(name, f"it speaks of the ecosystem {ecosystem!r}, which OSV has not{told}")
    if base in _DPKG:
        suite = SUITES.get(release, release)
        return (f"{base}:{suite}" if suite else base), Scheme.DPKG
    if base in _LIBRARIES:
        return base, _LIBRARIES[base]
    return ecosystem, Scheme.RPM if base in _RPM else Scheme.UPSTREAM


def _score(record: Record) -> tuple[str, float | None]:
    """The first vector whose score can be computed, else the first vector."""
    scores = [*record.severity, *(each for item in record.affected for each in item.severity)]
    for each in scores:
        score = base_score(each.score)
        if score is not None:
            return each.score, score
    return (scores[0].score if scores else ""), None
