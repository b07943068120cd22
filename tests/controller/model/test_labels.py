"""Labels and selectors: what is well-formed, what a selector means, where it is wrong."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.labels import MAX_LABELS, changed, check_labels, is_key
from heliostat.controller.model.selector import Requirement, Selector, parse_selector
from heliostat.core.errors import PermanentError

WORDS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
REQUIREMENTS = st.builds(
    Requirement,
    key=WORDS,
    values=st.frozensets(WORDS, max_size=3),
    wanted=st.booleans(),
)


@pytest.mark.parametrize("key", ["app", "a", "heliostat.io/applied-by", "A_b.c-9", "x.y/z"])
def test_keys(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "-a", "a-", "/a", "a/", "UP/a", "a/b/c", "a" * 64, "a b", "é"])
def test_no_keys(key: str) -> None:
    with pytest.raises(PermanentError, match="key of a label") as caught:
        check_labels({key: "x"})
    assert caught.value.code == "InvalidEntity"


def test_no_values() -> None:
    with pytest.raises(PermanentError, match="value of the label app"):
        check_labels({"app": "a=b"})


def test_too_many() -> None:
    with pytest.raises(PermanentError, match=f"{MAX_LABELS + 1} labels"):
        check_labels({f"k{number}": "" for number in range(MAX_LABELS + 1)})


def test_a_change_sets_and_removes() -> None:
    assert changed({"a": "1", "b": "2"}, {"b": "3", "c": ""}, ["a", "z"]) == {"b": "3", "c": ""}
    with pytest.raises(PermanentError, match="both"):
        changed({}, {"a": "1"}, ["a"])


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ("", {}, True),
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "db"}, False),
        ("app!=web", {"app": "db"}, True),
        ("app!=web", {}, True),
        ("app in (web, db)", {"app": "db"}, True),
        ("app in (web,db)", {}, False),
        ("app notin (web)", {}, True),
        ("app notin (web)", {"app": "web"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("app=", {"app": ""}, True),
        ("in in (in)", {"in": "in"}, True),
        (" a = 1 , ! b , heliostat.io/x!=y ", {"a": "1"}, True),
    ],
)
def test_what_a_selector_means(text: str, labels: dict[str, str], selected: bool) -> None:
    assert parse_selector(text).selects(labels) is selected


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("app=web tier=db", 9),
        ("app web", 5),
        (",", 1),
        ("app=web,,b", 9),
        ("app in web", 8),
        ("app in (web", 12),
        ("app=we+b", 5),
        ("-app", 1),
        ("!", 2),
        ("a=b)", 4),
    ],
)
def test_where_a_selector_is_wrong(text: str, position: int) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_selector(text)
    assert caught.value.code == "InvalidQueryParams"
    assert caught.value.data["position"] == position


@given(st.lists(REQUIREMENTS, max_size=4), st.dictionaries(WORDS, WORDS, max_size=4))
def test_written_and_read_again(requirements: list[Requirement], labels: dict[str, str]) -> None:
    """Whatever can be required can be written, and means the same when it is read."""
    written = ",".join(map(_written, requirements))
    read = parse_selector(written)
    assert read == Selector(tuple(requirements))
    assert read.selects(labels) == all(each.holds(labels) for each in requirements)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(PermanentError):
        parse_selector(text)


def _written(each: Requirement) -> str:
    if not each.values:
        return each.key if each.wanted else f"!{each.key}"
    return f"{each.key} {'in' if each.wanted else 'notin'} ({', '.join(sorted(each.values))})"
