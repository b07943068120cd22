"""What changelogs say was fixed, and between which versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.cve.changelogs import advisories, cve_order, entries, first_fixed

CHANGELOG = """\
openssl (3.5.4-1~deb13u2) trixie-security; urgency=medium

  * Drop CVE-2025-1111.patch, applied upstream.
  * CVE-2025-9230 (out-of-bounds read and write
    in RFC 3211), CVE-2025-9231
  * Not affected by CVE-2025-5555.

 -- A Maintainer <a@example.org>  Tue, 30 Sep 2025 20:00:00 +0200

openssl (3.5.1-1) unstable; urgency=medium

  * New upstream release. Fixes:
    - cve-2025-4575: wrong purpose
    - CVE-2025-4576
  * Fixes of older releases, not affected here:
    - CVE-2020-0001

 -- A Maintainer <a@example.org>  Tue, 01 Jul 2025 20:00:00 +0200

openssl (3.0.9-1) unstable; urgency=low

  * Revert the fix of CVE-2023-0001, it broke things.
  * CAN-2004-0975 and CVE-2023-0002

 -- A Maintainer <a@example.org>  Tue, 01 Jul 2023 20:00:00 +0200
"""


def test_entries_come_newest_first_with_their_fixes() -> None:
    found = [(each.version, each.fixes) for each in entries(CHANGELOG)]
    assert found == [
        ("3.5.4-1~deb13u2", ("CVE-2025-9230", "CVE-2025-9231")),
        ("3.5.1-1", ("CVE-2025-4575", "CVE-2025-4576")),
        ("3.0.9-1", ("CVE-2004-0975", "CVE-2023-0002")),
    ]


@pytest.mark.parametrize(
    ("old", "new", "fixed"),
    [
        ("3.5.1-1", "3.5.4-1~deb13u2", ("CVE-2025-9230", "CVE-2025-9231")),
        ("3.5.1-1+b1", "3.5.4-1~deb13u2.hs1", ("CVE-2025-9230", "CVE-2025-9231")),
        ("3.5.4-1~deb13u2", "3.5.4-1~deb13u2", ()),
        ("3.5.0-1", "3.5.1-1", ("CVE-2025-4575", "CVE-2025-4576")),
        ("3.5.4-1", "3.5.1-1", ()),
    ],
)
def test_between_two_versions(old: str, new: str, fixed: tuple[str, ...]) -> None:
    assert advisories(old, new, CHANGELOG) == fixed


def test_without_an_old_version_the_history_counts() -> None:
    assert len(advisories(None, "2:1-1", CHANGELOG)) == 6


def test_the_oldest_fix_is_the_fix() -> None:
    again = CHANGELOG + CHANGELOG.replace("3.5.4-1~deb13u2", "3.5.2-1")
    assert first_fixed(again)["CVE-2025-9230"] == ("openssl", "3.5.2-1")


@pytest.mark.parametrize("text", ["", "no changelog at all\n", "CVE-2020-1 ()\n * x\n"])
def test_other_text_fixes_nothing(text: str) -> None:
    assert list(entries(text)) == []


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(entry.version for entry in entries(text))


def test_ids_sort_by_number() -> None:
    assert sorted(["CVE-2024-10000", "CVE-2024-9999"], key=cve_order)[0] == "CVE-2024-9999"
