"""Properties of nested groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliostat.identity.directory.membership import circle, effective
from heliostat.identity.directory.records import Group

KEYS = tuple("abcdef")
edges = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)), max_size=20)


def groups_of(pairs: list[tuple[str, str]], users: dict[str, str]) -> dict[str, Group]:
    members: dict[str, set[str]] = {key: set() for key in KEYS}
    for parent, child in pairs:
        members[parent].add(f"group:{child}")
    for user, key in users.items():
        members[key].add(f"user:{user}")
    return {key: Group(name=key, members=tuple(sorted(members[key]))) for key in KEYS}


@given(edges)
def test_adding_only_what_closes_no_circle_never_makes_one(pairs: list[tuple[str, str]]) -> None:
    kept: list[tuple[str, str]] = []
    for parent, child in pairs:
        closed = circle(groups_of(kept, {}), parent, child)
        if not closed:
            kept.append((parent, child))
        else:
            assert closed[0] == closed[-1] == parent
    groups = groups_of(kept, {})
    for key in KEYS:
        assert key not in effective(groups, f"group:{key}")


@given(edges, st.sampled_from(KEYS))
def test_effective_groups_are_the_transitive_closure(
    pairs: list[tuple[str, str]], home: str
) -> None:
    """Against a fixed point reached by brute force; circles end too."""
    expected = {home}
    while True:
        more = {parent for parent, child in pairs if child in expected} - expected
        if not more:
            break
        expected |= more
    assert effective(groups_of(pairs, {"u": home}), "user:u") == expected


@given(edges)
def test_strangers_are_in_no_group(pairs: list[tuple[str, str]]) -> None:
    assert effective(groups_of(pairs, {"u": "a"}), "user:v") == frozenset()
