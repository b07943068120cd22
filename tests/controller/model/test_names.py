"""What is a name, a tag, a group."""

from __future__ import annotations

import pytest

from heliostat.controller.model.names import check_groups, check_name, check_tag
from heliostat.core.errors import HeliostatError


@pytest.mark.parametrize("name", ["a", "A-1", "a" * 63])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "1a", "-a", "a_b", "a b", "ä", "a\n", "a" * 64])
def test_no_names(name: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        check_name(name)


def test_tags() -> None:
    assert check_tag("x" * 64)
    for tag in ("", "x" * 65):
        with pytest.raises(HeliostatError, match="InvalidEntity"):
            check_tag(tag)


def test_groups() -> None:
    assert check_groups(["A\\b", "A\\b", "A\\c d"]) == ("A\\b", "A\\c d")
    for group in ("b", "\\b", "A\\", "A b\\c"):
        with pytest.raises(HeliostatError, match="InvalidSecurityGroupFormat"):
            check_groups([group])
