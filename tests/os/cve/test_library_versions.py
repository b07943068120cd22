"""Versions of libraries in the order of those who number them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from heliostat.os.cve.library_versions import pep440_key, semver_key
from heliostat.os.cve.versions import Scheme, older

# The order that semver.org gives as an example, and Go's own forms.
ORDERED = [
    "v0.0.0-20210101000000-abcdefabcdef",
    "v0.0.0-20220101000000-0123456789ab",
    "0.1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "v1.0.0",
    "v1.0.1-0.20230101000000-abcdefabcdef",
    "1.24.0-0",
    "1.24.0-rc.2",
    "1.24.0",
    "v2.0.0+incompatible",
]


def test_semantic_versions_are_ordered_as_their_makers_say() -> None:
    backwards = ORDERED[::-1]
    assert sorted(backwards, key=semver_key) == ORDERED
    assert semver_key("v2.0.0+incompatible") == semver_key("2.0.0")


_VERSION = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "1!", "v"]),
        st.sampled_from(["1", "1.0", "1.0.0", "1.2", "1.10", "2024.1"]),
        st.sampled_from(["", "", "a1", ".b2", "-rc3", "alpha", "c1", "_pre.4"]),
        st.sampled_from(["", "", ".post1", "-2", "rev3", ".r"]),
        st.sampled_from(["", "", ".dev1", "dev", "-dev3"]),
        st.sampled_from(["", "", "+1", "+deb.2", "+Ubuntu-1"]),
    ),
)


@given(_VERSION, _VERSION)
def test_pythons_versions_are_ordered_as_packaging_does(one: str, two: str) -> None:
    assert (pep440_key(one) < pep440_key(two)) == (Version(one) < Version(two))
    assert (pep440_key(one) == pep440_key(two)) == (Version(one) == Version(two))


@given(st.text(alphabet="0123456789.!abrcdevpost-_+ v", max_size=12))
def test_what_packaging_refuses_is_refused(text: str) -> None:
    try:
        Version(text)
    except InvalidVersion:
        with pytest.raises(ValueError, match="no version"):
            pep440_key(text)
    else:
        pep440_key(text)


def test_what_is_no_version_comes_before_none() -> None:
    for scheme in (Scheme.SEMVER, Scheme.PEP440):
        assert older("1.0.0", "1.0.1", scheme)
        assert not older("(devel)", "1.0.1", scheme)
        assert not older("1.0.0", "unknown", scheme)
