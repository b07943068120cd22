"""The access decision, against the whole table of callers and rules."""

from __future__ import annotations

import os
import socket

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.access import NOBODY, OwnerGroups, check, decide, intersects
from heliostat.identity.peer import peer_principal, principal_of_uid
from heliostat.identity.principal import Principal, principal_of
from heliostat.wire.access import Access

DOMAIN = "heliostat.local"
OWNER = OwnerGroups(frozenset({"heliostat.local\\TenantOps"}), frozenset({"heliostat.local\\Devs"}))


def caller(*groups: str) -> Principal:
    spelled = frozenset(f"{DOMAIN}\\{group}" for group in groups)
    return principal_of(f"alice@{DOMAIN}", spelled, "helio", DOMAIN)


ADMIN = caller("Administrators")
TENANT = caller("TenantOps")
PROJECT = caller("Devs")
STRANGER = caller("Others")


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (Access.PUBLIC, (None, STRANGER, PROJECT, TENANT, ADMIN)),
        (Access.AUTHENTICATED, (STRANGER, PROJECT, TENANT, ADMIN)),
        (Access.SYSTEM_ADMIN, (ADMIN,)),
        (Access.TENANT_READ, (PROJECT, TENANT, ADMIN)),
        (Access.TENANT_ADMIN, (TENANT, ADMIN)),
        (Access.PROJECT_USER, (PROJECT, TENANT, ADMIN)),
        (Access.PROJECT_ADMIN, (TENANT, ADMIN)),
    ],
)
def test_who_passes_what(rule: Access, allowed: tuple[Principal | None, ...]) -> None:
    for principal in (None, STRANGER, PROJECT, TENANT, ADMIN):
        verdict = decide(rule, principal, OWNER)
        assert verdict.allowed == (principal in allowed), verdict
        assert verdict.reason


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
    foreign = principal_of("alice@elsewhere", frozenset(), "", DOMAIN)
    assert not decide(Access.PROJECT_USER, foreign, only_alice).allowed


def test_a_user_named_like_the_group_is_no_administrator() -> None:
    impostor = principal_of(f"Administrators@{DOMAIN}", frozenset(), "", DOMAIN)
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
