"""Policies as plain values: what is kept, what changes do, who is found by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.names import MAX_MEMBERS
from heliostat.controller.model.policy import (
    Action,
    Binding,
    Delta,
    changed,
    check_principal,
    has_owner,
    member_keys,
    policy_of,
)
from heliostat.core.errors import HeliostatError
from heliostat.core.roles import Role, highest, principal_key

PRINCIPALS = ("ann@d", "D\\ann", "d\\Ann", "bob@d", "D\\ops", "e\\ops")
bindings = st.lists(
    st.builds(Binding, principal=st.sampled_from(PRINCIPALS), role=st.sampled_from([*Role])),
    max_size=12,
)
deltas = st.lists(
    st.builds(
        Delta,
        action=st.sampled_from([*Action]),
        principal=st.sampled_from(PRINCIPALS),
        role=st.sampled_from([*Role]),
    ),
    max_size=12,
)


def pairs(policy: tuple[Binding, ...]) -> set[tuple[str, Role]]:
    return {(principal_key(each.principal), each.role) for each in policy}


@given(bindings)
def test_a_policy_holds_each_pair_once_in_any_order(given_: list[Binding]) -> None:
    policy = policy_of(given_)
    assert len(pairs(policy)) == len(policy)
    assert pairs(policy) == pairs(tuple(given_))
    assert policy_of(policy) == policy
    assert pairs(policy_of(reversed(given_))) == pairs(policy)


@given(bindings, deltas)
def test_changes_are_those_of_a_set(given_: list[Binding], asked: list[Delta]) -> None:
    expected = pairs(policy_of(given_))
    for delta in asked:
        pair = (principal_key(delta.principal), delta.role)
        assert delta.role is not None
        if delta.action is Action.ADD:
            expected |= {(pair[0], delta.role)}
        else:
            expected -= {(pair[0], delta.role)}
    after = changed(policy_of(given_), asked)
    assert pairs(after) == expected
    assert member_keys(after) == {key for key, _ in expected}
    assert has_owner(after) == any(role is Role.OWNER for _, role in expected)


@given(bindings, st.sampled_from(PRINCIPALS))
def test_every_role_of_a_principal_goes_at_once(given_: list[Binding], who: str) -> None:
    delta = Delta(action=Action.REMOVE, principal=who, role=None)
    after = changed(policy_of(given_), [delta])
    assert highest(frozenset({principal_key(who)}), after) is None
    others = {each for each in pairs(policy_of(given_)) if each[0] != principal_key(who)}
    assert pairs(after) == others


def test_both_spellings_of_a_user_are_one() -> None:
    assert principal_key("Ann@D.local") == principal_key("d.LOCAL\\ann")
    assert principal_key("D\\a@b") == "d\\a@b"
    assert principal_key("plain") == "plain"


@pytest.mark.parametrize("text", ["ann", "", "@d", "ann@", "\\g", "D\\", "a b@d", "x" * 300 + "@d"])
def test_what_is_no_principal(text: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        check_principal(text)


def test_a_policy_is_small_enough_for_a_commit() -> None:
    many = [Binding(principal=f"u{n}@d", role=Role.VIEWER) for n in range(MAX_MEMBERS)]
    assert len(policy_of(many)) == MAX_MEMBERS
    with pytest.raises(HeliostatError, match="use groups"):
        policy_of([*many, Binding(principal="one@d", role=Role.VIEWER)])
