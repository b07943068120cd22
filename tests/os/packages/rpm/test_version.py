"""The order of versions, beside librpm's own."""

from __future__ import annotations

import pytest
import rpm
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.packages.rpm.version import Evr, compare

_TEXT = st.text("0019aZb.+~^_", min_size=1, max_size=8)
_VERSIONS = st.text("0123aZ.+~^", min_size=1, max_size=8)


@given(one=_TEXT, two=_TEXT)
def test_versions_compare_as_librpm_compares_them(one: str, two: str) -> None:
    assert compare(one, two) == rpm.labelCompare(("0", "1", one), ("0", "1", two))


@given(one=_VERSIONS, two=_VERSIONS)
def test_equal_versions_have_equal_hashes(one: str, two: str) -> None:
    if Evr(0, one, "1") == Evr(0, two, "1"):
        assert hash(Evr(0, one, "1")) == hash(Evr(0, two, "1"))


@pytest.mark.parametrize("text", ["1.0-1", "2:1.0~rc1-3.hs1", "7", "1:2"])
def test_a_version_is_spelt_as_it_was_read(text: str) -> None:
    assert str(Evr.parse(text)) == text


def test_the_epoch_rules() -> None:
    assert sorted([Evr.parse("1:0.1-1"), Evr.parse("9-1"), Evr.parse("9~rc1-1")]) == [
        Evr.parse("9~rc1-1"),
        Evr.parse("9-1"),
        Evr.parse("1:0.1-1"),
    ]


def test_numbers_of_any_length_are_ordered() -> None:
    long = "9" * 5000
    assert compare(f"1.{long}", f"1.0{long}") == 0
    assert compare(f"1.{long}", f"1.1{long}") == -1
    assert compare(f"1.{long}", "1.8") == 1


@pytest.mark.parametrize("text", ["\N{SUPERSCRIPT TWO}:1-1", f"{'9' * 5000}:1-1", ":1-1", "a:1-1"])
def test_what_is_no_epoch_belongs_to_the_version(text: str) -> None:
    assert Evr.parse(text) == Evr(0, text.partition("-")[0], "1")
