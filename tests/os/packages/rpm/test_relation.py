"""What packages say about each other, as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.packages.rpm.relation import Relation, Sense, any_of

_NAMES = st.from_regex(r"[A-Za-z/][A-Za-z0-9./()_-]{0,10}", fullmatch=True)
_VERSIONS = st.from_regex(r"([0-9]:)?[0-9a-z.~^+]{1,6}(-[0-9a-z.]{1,4})?", fullmatch=True)


@given(name=_NAMES, operator=st.sampled_from(["<", "<=", "=", ">=", ">"]), version=_VERSIONS)
def test_text_comes_back_as_it_went_in(name: str, operator: str, version: str) -> None:
    text = f"{name} {operator} {version}"
    assert str(Relation.parse(text)) == text
    assert Relation.parse(text).operator == operator
    assert str(Relation.parse(name)) == name


@pytest.mark.parametrize("text", ["", "a b", "a >= ", "(a or b", "a)) >= 1 2", ">= 1"])
def test_what_is_no_relation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"relation|parentheses"):
        Relation.parse(text)


def test_alternatives_become_one_rich_relation() -> None:
    both = any_of([Relation.parse("a >= 1"), Relation.parse("b")])
    assert both.rich
    assert str(both) == "(a >= 1 or b)"
    assert any_of([Relation("a")]) == Relation("a")


def test_what_scripts_need_is_marked() -> None:
    assert Relation.parse("coreutils", Sense.SCRIPT_POST).before_scripts
    assert not Relation.parse("coreutils >= 9").before_scripts
    assert Relation("rpmlib(FileCaps)", Sense.RPMLIB).of_rpm
