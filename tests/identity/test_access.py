"""The access decision, against the whole table of callers and rules."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.policy import Binding
from heliostat.core.errors import HeliostatError
from heliostat.core.roles import Role
from heliostat.identity.access import NOBODY, OwnerGroups, check, decide, intersects
from heliostat.identity.peer import peer_principal, principal_of_uid
from heliostat.identity.principal import Principal, principal_of
from heliostat.wire.access import Access

DOMAIN = "heliostat.local"
OWNER = OwnerGroups(
    frozenset({"heliostat.local\\TenantOps"}),
    frozenset({"heliostat.local\\Devs"}),
    tenant_policy=(
        Binding(principal="heliostat.local\\Planners", role=Role.CONTRIBUTOR),
        Binding(principal="HELIOSTAT.local\\auditors", role=Role.VIEWER),
    ),
    project_policy=(
        Binding(principal="heliostat.local\\Leads", role=Role.OWNER),
        Binding(principal="heliostat.local\\Readers", role=Role.VIEWER),
        Binding(principal="heliostat.local\\Readers", role=Role.CONTRIBUTOR),
        Binding(principal="bob@heliostat.local", role=Role.VIEWER),
    ),
    entity_policy=(Binding(principal="heliostat.local\\Helpers", role=Role.OWNER),),
)


def caller(*groups: str) -> Principal:
    spelled = frozenset(f"{DOMAIN}\\{group}" for group in groups)
    return principal_of(f"alice@{DOMAIN}", spelled, "helio", DOMAIN, is_system=True)


ADMIN = caller("Administrators")
TENANT = caller("TenantOps")
TENANT_USER = caller("Planners")
TENANT_VIEWER = caller("Auditors")
PROJECT = caller("Devs")
LEAD = caller("Leads")
READER = principal_of(f"bob@{DOMAIN}", frozenset(), "helio", DOMAIN, is_system=True)
HELPER = caller("Helpers")
STRANGER = caller("Others")
EVERYBODY = (
    None,
    STRANGER,
    HELPER,
    READER,
    PROJECT,
    LEAD,
    TENANT_VIEWER,
    TENANT_USER,
    TENANT,
    ADMIN,
)
OF_TENANT = (TENANT_VIEWER, TENANT_USER, TENANT, ADMIN)
SEEING = (HELPER, READER, PROJECT, LEAD, *OF_TENANT)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (Access.PUBLIC, EVERYBODY),
        (Access.AUTHENTICATED, EVERYBODY[1:]),
        (Access.SYSTEM_ADMIN, (ADMIN,)),
        (Access.TENANT_READ, OF_TENANT),
        (Access.TENANT_VIEWER, OF_TENANT),
        (Access.TENANT_USER, (TENANT_USER, TENANT, ADMIN)),
        (Access.TENANT_ADMIN, (TENANT, ADMIN)),
        (Access.PROJECT_READ, SEEING),
        (Access.PROJECT_VIEWER, SEEING),
        (Access.PROJECT_USER, (HELPER, PROJECT, LEAD, TENANT_USER, TENANT, ADMIN)),
        (Access.PROJECT_OWNER, (HELPER, LEAD, TENANT, ADMIN)),
        (Access.PROJECT_ADMIN, (TENANT, ADMIN)),
    ],
)
def test_who_passes_what(rule: Access, allowed: tuple[Principal | None, ...]) -> None:
    for principal in EVERYBODY:
        verdict = decide(rule, principal, OWNER)
        assert verdict.allowed == (principal in allowed), verdict
        assert verdict.reason


@pytest.mark.parametrize("rule", Access)
def test_reading_never_asks_for_more(rule: Access) -> None:
    for principal in EVERYBODY:
        if decide(rule, principal, OWNER).allowed:
            assert decide(rule.for_reading, principal, OWNER).allowed
    if rule.needs_owner:
        assert rule.for_reading.role is Role.VIEWER


@pytest.mark.parametrize("rule", [rule for rule in Access if rule.needs_owner])
def test_a_role_inside_passes_only_where_things_are_found(rule: Access) -> None:
    inside = OwnerGroups(reaches_inside=True)
    assert decide(rule, STRANGER, inside).allowed == rule.passes_through


@given(st.lists(st.sampled_from([*Role]), max_size=4), st.sampled_from([*Role]))
def test_the_highest_role_counts(roles: list[Role], needed: Role) -> None:
    policy = [Binding(principal=f"alice@{DOMAIN}", role=role) for role in roles]
    rule = {
        Role.VIEWER: Access.PROJECT_VIEWER,
        Role.CONTRIBUTOR: Access.PROJECT_USER,
        Role.OWNER: Access.PROJECT_OWNER,
    }[needed]
    verdict = decide(rule, STRANGER, OwnerGroups(entity_policy=policy))
    assert verdict.allowed == any(role.covers(needed) for role in roles)


def test_every_rule_is_decided() -> None:
    for rule in Access:
        assert not decide(rule, None, OWNER).allowed or rule is Access.PUBLIC
        assert rule.needs_token == (rule is not Access.PUBLIC)


@pytest.mark.parametrize("rule", [rule for rule in Access if rule.needs_owner])
def test_what_does_not_exist_is_for_administrators_only(rule: Access) -> None:
    for principal in (STRANGER, PROJECT, TENANT):
        assert not decide(rule, principal, NOBODY).allowed
    assert decide(rule, ADMIN, NOBODY).allowed


def test_refusals_as_errors() -> None:
    for principal, code in ((None, "MissingAuthToken"), (STRANGER, "AccessForbidden")):
        with pytest.raises(HeliostatError) as caught:
            check(Access.TENANT_ADMIN, principal, OWNER)
        assert caught.value.code == code
    check(Access.TENANT_ADMIN, TENANT, OWNER)


def test_a_user_counts_as_a_group_of_one() -> None:
    only_alice = OwnerGroups(project_groups=frozenset({f"{DOMAIN}\\alice"}))
    assert decide(Access.PROJECT_USER, STRANGER, only_alice).allowed
    foreign = principal_of("alice@elsewhere", frozenset(), "", DOMAIN, is_system=True)
    assert not decide(Access.PROJECT_USER, foreign, only_alice).allowed


def test_a_user_named_like_the_group_is_no_administrator() -> None:
    impostor = principal_of(f"Administrators@{DOMAIN}", frozenset(), "", DOMAIN, is_system=True)
    assert not impostor.is_system_admin
    assert not caller("elsewhere\\Administrators").is_system_admin


def test_groups_of_the_system_administer_it() -> None:
    for groups, passes in (([f"{DOMAIN}\\Others"], True), ([f"{DOMAIN}\\Devs"], False)):
        verdict = decide(Access.SYSTEM_ADMIN, STRANGER, NOBODY, system_groups=groups)
        assert verdict.allowed == passes


def test_case_does_not_count() -> None:
    assert intersects({"Heliostat.Local\\DEVS"}, {"heliostat.local\\devs"})
    assert not intersects(set(), {"x"})


def test_the_owner_of_the_process_and_root_administer_locally() -> None:
    for uid in (0, 1234):
        principal = principal_of_uid(uid, 1234, DOMAIN)
        assert principal is not None
        assert principal.is_system_admin
        assert principal.subject.startswith("local:")
    assert principal_of_uid(1235, 1234, DOMAIN) is None


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        principal = peer_principal(here, DOMAIN)
    assert principal is not None
    assert principal == principal_of_uid(os.geteuid(), os.geteuid(), DOMAIN)
    with socket.socket(socket.AF_INET) as tcp:
        assert peer_principal(tcp, DOMAIN) is None
