"""What Debian's relations become, and that libsolv then decides as dpkg would."""

from __future__ import annotations

import pytest

from heliostat.os.packages.deb.relations import Relations, relations_of


def said(**fields: str) -> Relations:
    named = {name.replace("_", "-").title(): value for name, value in fields.items()}
    return relations_of("self", {"Version": "3.0-1", **named})


def texts(relations: tuple[object, ...]) -> list[str]:
    return [str(each) for each in relations]


@pytest.mark.parametrize(
    ("debian", "rpm"),
    [
        ("libc6 (>= 2.38)", ["libc6 >= 2.38-0"]),
        ("a | b (<< 2-1) | c:any", ["(a or b < 2-1 or c)"]),
        ("python3:any (>= 3.11~), a", ["python3 >= 3.11~-0", "a"]),
        ("a (= 1:2.0-rc1-3)", ["a = 1:2.0+rc1-3"]),
        ("git-man (<< 1:2.47.3-.)", ["git-man <= 1:2.47.3"]),
        ("a,\n b (>> 1)", ["a", "b > 1-0"]),
        ("a, a", ["a"]),
        ("", []),
    ],
)
def test_dependencies(debian: str, rpm: list[str]) -> None:
    assert texts(said(depends=debian).requires) == rpm


def test_what_must_be_there_before_comes_first() -> None:
    assert texts(said(depends="b", pre_depends="a").requires) == ["a", "b"]


def test_breaks_and_conflicts_are_conflicts() -> None:
    assert texts(said(breaks="a (<< 2)", conflicts="b").conflicts) == ["b", "a < 2-0"]


def test_only_one_provider_at_a_time_is_no_conflict_with_oneself() -> None:
    found = said(provides="mta", conflicts="mta, other", replaces="mta")
    assert texts(found.conflicts) == ["other"]
    assert texts(found.provides) == ["mta = 3.0-1"]
    assert found.obsoletes == ()


def test_a_rename_obsoletes() -> None:
    found = said(provides="old (= 3.0-1)", breaks="old (<< 2)", replaces="old (<< 2)")
    assert texts(found.obsoletes) == ["old < 2-0"]


def test_taking_over_files_is_no_rename() -> None:
    assert said(breaks="old (<< 2)", replaces="old (<< 2)").obsoletes == ()


def test_a_dropped_name_takes_its_whole_clause_along() -> None:
    fields = {"Version": "1", "Depends": "a | debconf, b"}
    assert texts(relations_of("self", fields, {"debconf"}).requires) == ["b"]


def test_nonsense_is_no_relation() -> None:
    with pytest.raises(ValueError, match="no relation"):
        said(depends="(>= 1)")
