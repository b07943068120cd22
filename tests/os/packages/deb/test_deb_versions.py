"""Debian's order of versions beside RPM's; dpkg and librpm are the judges."""

from __future__ import annotations

import subprocess

import pytest
import rpm
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.versions import check_upgrade, evr_of, newer, ordered_alike

UPSTREAM = st.from_regex(r"[0-9][0-9a-z.+~]{0,6}(-[0-9a-z]{1,3})?", fullmatch=True)
REVISION = st.from_regex(r"[0-9a-z][0-9a-z.+~]{0,4}", fullmatch=True)
VERSIONS = st.builds(
    lambda epoch, upstream, revision: f"{epoch}{upstream}{revision}",
    st.sampled_from(["", "1:", "2:"]),
    UPSTREAM.map(lambda text: text.partition("-")[0]),
    REVISION.map(lambda text: f"-{text}"),
)


@pytest.mark.parametrize(
    ("debian", "rpms"),
    [
        ("1.2-3", "1.2-3"),
        ("1:1.2-3+b1", "1:1.2-3+b1"),
        ("1.2", "1.2-0"),
        ("2:1.2-rc1-3~bpo12+1", "2:1.2+rc1-3~bpo12+1"),
        ("0.17.3~git20230101-1", "0.17.3~git20230101-1"),
    ],
)
def test_the_form_that_rpm_knows(debian: str, rpms: str) -> None:
    assert str(evr_of(debian)) == rpms


@given(VERSIONS, VERSIONS)
def test_alike_means_that_librpm_agrees_with_debian(one: str, two: str) -> None:
    order = rpm.labelCompare(label(one), label(two))
    debian = newer(one, two) - newer(two, one)
    assert ordered_alike(one, two) == (order == debian)


def label(version: str) -> tuple[str, str, str]:
    evr = evr_of(version)
    return str(evr.epoch), evr.version, evr.release


@pytest.mark.parametrize(
    ("one", "two"), [("1.0-1", "1.0-2"), ("1.0~rc1-1", "1.0-1"), ("9.9-1", "1:0.1-1")]
)
def test_newer_is_what_dpkg_says(one: str, two: str) -> None:
    assert subprocess.run(["dpkg", "--compare-versions", one, "lt", two]).returncode == 0
    assert newer(two, one)
    assert not newer(one, two)


@pytest.mark.parametrize(
    ("old", "new"), [("1.0-1", "1.0+~cs1.0-1"), ("11.0.2+9-1", "11.0.2.1+1-1")]
)
def test_an_upgrade_that_rpm_takes_for_a_downgrade_is_refused_with_what_to_write(
    old: str, new: str
) -> None:
    assert not ordered_alike(old, new)
    with pytest.raises(HeliostatError, match="RPM orders") as raised:
        check_upgrade("odd", old, new)
    assert raised.value.code == "ImportRefused"
    assert "raise_epoch: 1" in raised.value.hint
    check_upgrade("odd", old, new, raised_by=1)


def test_an_ordinary_upgrade_and_a_downgrade_pass() -> None:
    check_upgrade("sound", "1.0-1", "1.0-1+deb13u1")
    check_upgrade("sound", "1.1-1", "1.0-1")
