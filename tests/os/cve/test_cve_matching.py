"""Who is believed, and what counts: packages against statements, pure."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.cve.installed import Installed
from heliostat.os.cve.matching import Confidence, Finding, Scope, described, found
from heliostat.os.cve.products import Assessment, Product, Status
from heliostat.os.cve.severity import Severity, base_score, severity_of
from heliostat.os.cve.statement import Knowledge, Standing, Statement, Vulnerability
from heliostat.os.cve.versions import Scheme, older, upstream_of

CVE = "CVE-2026-0001"
PRODUCTS = {"bash": Product(("bash",), ("gnu",)), "xz": Product(("xz-utils",), ("tukaani",))}
TODAY = dt.date(2026, 11, 21)


def bash(version: str = "5.2.37-2", *, fixes: frozenset[str] = frozenset()) -> Installed:
    return Installed("bash", version, "bash", version, Scheme.DPKG, fixes)


def tracked(fixed: str | None = None, standing: Standing = Standing.AFFECTED) -> Statement:
    ecosystem = "Debian:trixie"
    return Statement(CVE, Knowledge.TRACKER, ecosystem, "bash", Scheme.DPKG, standing, fixed=fixed)


def by_nvd(fixed: str, product: str = "bash", vendor: str = "gnu") -> Statement:
    return Statement(CVE, Knowledge.NVD, "cpe", product, Scheme.UPSTREAM, fixed=fixed, note=vendor)


def logged(fixed: str) -> Statement:
    return Statement(CVE, Knowledge.CHANGELOG, "Debian", "bash", Scheme.DPKG, fixed=fixed)


def findings(package: Installed, *said: Statement, suite: str = "trixie") -> list[Finding]:
    return found([package], said, Scope(suite), PRODUCTS)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([tracked()], [None]),
        ([tracked("5.2.37-2+deb13u1")], ["5.2.37-2+deb13u1"]),
        ([tracked("5.2.37-2")], []),
        ([tracked(standing=Standing.NOT_AFFECTED)], []),
        ([tracked(standing=Standing.UNDETERMINED)], []),
        ([logged("5.3-1")], ["5.3-1"]),
        ([logged("5.2-1")], []),
        ([by_nvd("5.3")], ["5.3"]),
        ([by_nvd("5.2.37")], []),
        # the distribution's word outweighs NVD's, in both directions
        ([by_nvd("5.3"), tracked("5.2.37-2")], []),
        ([by_nvd("5.3"), logged("5.2.37-2")], []),
        ([by_nvd("5.2"), tracked()], [None]),
        ([logged("5.2-1"), tracked("5.2.37-3")], ["5.2.37-3"]),
    ],
)
def test_the_most_believed_source_decides(
    said: list[Statement], expected: list[str | None]
) -> None:
    assert [each.fixed for each in findings(bash(), *said)] == expected


def test_another_suite_says_nothing_about_this_one() -> None:
    assert findings(bash(), tracked(), suite="bookworm") == []


def test_its_own_changelog_outweighs_upstreams_numbers() -> None:
    patched = bash(fixes=frozenset({CVE}))
    assert findings(patched, by_nvd("5.3")) == []
    assert len(findings(patched, tracked("5.2.37-3"))) == 1


@pytest.mark.parametrize(
    ("source", "product", "vendor", "confidence"),
    [
        ("bash", "bash", "gnu", [Confidence.CERTAIN]),
        ("bash", "bash", "otherbash", []),
        ("xz-utils", "xz", "tukaani", [Confidence.CERTAIN]),
        ("xz", "xz", "tukaani", []),
        ("less", "less", "gnu", [Confidence.POSSIBLE]),
    ],
)
def test_a_product_is_tied_by_name_and_vendor(
    source: str, product: str, vendor: str, confidence: list[Confidence]
) -> None:
    package = Installed(source, "1.0-1", source, "1.0-1", Scheme.DPKG)
    seen = findings(package, by_nvd("2.0", product, vendor))
    assert [each.confidence for each in seen] == confidence


def test_packages_of_one_source_are_one_finding() -> None:
    pair = [
        Installed(name, "5.2-1", "bash", "5.2-1", Scheme.DPKG) for name in ("bash-static", "bash")
    ]
    (finding,) = found(pair, [tracked()], Scope("trixie"), PRODUCTS)
    assert finding.packages == ("bash", "bash-static")


def test_rpms_of_others_are_compared_as_rpm_does() -> None:
    package = Installed("bash", "5.2.26-4.el9", "bash", "5.2.26-4.el9", Scheme.RPM)
    said = Statement(CVE, Knowledge.OSV, "AlmaLinux:9", "bash", Scheme.RPM, fixed="5.2.26-10.el9")
    assert len(found([package], [said], Scope("trixie", "AlmaLinux:9"), {})) == 1
    assert found([package], [said], Scope("trixie", "AlmaLinux:8"), {}) == []


def test_descriptions_severity_and_assessments() -> None:
    known = {
        CVE: [
            Vulnerability(CVE, Knowledge.OSV, "By OSV.", 4.0),
            Vulnerability(CVE, Knowledge.NVD, "By NVD.", 9.8),
        ]
    }
    row = Assessment(CVE, Status.ACCEPTED, "Not reachable.", TODAY, "ba*")
    (finding,) = described(findings(bash(), tracked()), known, [row], TODAY)
    assert (finding.severity, finding.score) == (Severity.CRITICAL, 9.8)
    assert finding.assessment is row
    assert not finding.counts
    (later,) = described(findings(bash(), tracked()), known, [row], TODAY + dt.timedelta(days=1))
    assert later.counts
    pending = Assessment(CVE, Status.UNDER_INVESTIGATION, "We look.", TODAY)
    (open_,) = described(findings(bash(), tracked()), known, [pending], TODAY)
    assert open_.counts
    assert open_.assessment is pending  # it is shown
    (both,) = described(findings(bash(), tracked()), known, [pending, row], TODAY)
    assert both.assessment is row


def test_unimportant_outweighs_a_score() -> None:
    said = Statement(
        CVE, Knowledge.TRACKER, "Debian:trixie", "bash", Scheme.DPKG, note="unimportant"
    )
    known = {CVE: [Vulnerability(CVE, Knowledge.NVD, "", 9.8)]}
    (finding,) = described(findings(bash(), said), known, [], TODAY)
    assert finding.severity is Severity.NEGLIGIBLE


@given(st.randoms(use_true_random=False))
def test_the_order_of_statements_does_not_matter(order: random.Random) -> None:
    said = [tracked("5.2.37-3"), by_nvd("5.3"), logged("5.2-1"), tracked("5.2.37-9")]
    order.shuffle(said)
    assert [each.fixed for each in findings(bash(), *said)] == ["5.2.37-9"]


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N", 4.7),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 5.4),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("CVSS:3.1/AV:N", None),
        ("nonsense", None),
    ],
)
def test_scores_of_published_vectors(vector: str, score: float | None) -> None:
    """Scores as NVD publishes them beside these vectors."""
    assert base_score(vector) == score


def test_words_of_scores() -> None:
    words = [severity_of(score) for score in (None, 0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0)]
    assert [word.value for word in words] == [
        *("unknown", "negligible", "low", "low", "medium", "medium", "high", "high", "critical")
    ]


@pytest.mark.parametrize(
    ("one", "two", "scheme"),
    [
        ("1.0~rc1-1", "1.0-1", Scheme.DPKG),
        ("2:1.0-1", "3:0.1-1", Scheme.DPKG),
        # an RPM's spelling of a Debian version, beside the archive's own
        ("2024+01+01-1", "2024-01-02-1", Scheme.DPKG),
        ("1.0-1+b1", "1.0-1.1", Scheme.DPKG),
        ("1.0-1^hs1", "1.0-2", Scheme.DPKG),
        ("1.0-1.hs1", "1.0-2", Scheme.DPKG),
        ("1.0-9.el9", "1.0-10.el9", Scheme.RPM),
        ("9.8p1", "9.9", Scheme.UPSTREAM),
        ("1.1.1k", "1.1.1l", Scheme.UPSTREAM),
        ("v1.9", "1.10", Scheme.UPSTREAM),
    ],
)
def test_versions_are_ordered_by_who_numbers_them(one: str, two: str, scheme: Scheme) -> None:
    assert older(one, two, scheme)
    assert not older(two, one, scheme)


def test_rebuilds_have_the_source_of_what_they_rebuild() -> None:
    assert not older("1.0-1^hs1", "1.0-1", Scheme.DPKG)
    assert not older("1.0-1", "1.0-1^hs1", Scheme.DPKG)


@pytest.mark.parametrize(
    ("version", "upstream"),
    [
        ("1:5.2.37-2", "5.2.37"),
        ("20.10.24+dfsg1-1+deb12u1", "20.10.24"),
        ("1.6.20~ds1-1", "1.6.20"),
        ("2.3+really2.2-1", "2.2"),
        ("1.0", "1.0"),
        ("1.0.2-rc1-3", "1.0.2-rc1"),
    ],
)
def test_upstreams_own_number(version: str, upstream: str) -> None:
    assert upstream_of(version) == upstream
