"""The route table as data: complete rows, no ambiguity."""

from __future__ import annotations

import pytest

from heliostat.wire.access import Access
from heliostat.wire.route import Body, Owner, Route
from heliostat.wire.routes import BY_OPERATION, ROUTES
from heliostat.wire.tasks import Task


def test_operations_and_paths_are_unique() -> None:
    assert len(BY_OPERATION) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_every_path_is_versioned_or_the_description() -> None:
    others = {route.path for route in ROUTES if not route.path.startswith("/v1/")}
    assert others == {"/openapi.json", "/docs", "/metrics"}


def test_mutating_routes_answer_201_and_a_task_but_for_the_directory_and_join_tokens() -> None:
    others = {
        route.operation
        for route in ROUTES
        if route.mutating and (route.status, route.response) != (201, Task)
    }
    directory = (
        "/v1/users",
        "/v1/groups",
        "/v1/service-accounts",
        "/v1/identity",
        "/v1/oidc-clients",
        "/v1/sessions",
        "/v1/consents",
        "/v1/password",
    )
    assert others == {
        route.operation
        for route in ROUTES
        if route.mutating
        and (route.path.startswith(directory) or route.operation in ("createJoinToken", "inviteVm"))
    }


def test_reads_change_nothing() -> None:
    assert all(route.mutating == (route.method != "GET") for route in ROUTES)


def test_public_routes_are_few() -> None:
    assert {route.operation for route in ROUTES if route.access is Access.PUBLIC} == {
        "getAvailable",
        "getSystemAuth",
        "getOpenapi",
        "getDocs",
        # who calls these proves who it is by the body
        "changeOwnPassword",
        "joinMachine",
        "refreshMachine",
        "giveMachineKey",
        "identifyWorkload",
    }


def test_an_owned_rule_needs_an_owner() -> None:
    with pytest.raises(ValueError, match="needs an owner"):
        Route(
            method="GET",
            path="/v1/vms/{id}",
            operation="x",
            access=Access.PROJECT_USER,
            summary="",
        )


def test_an_owner_needs_its_parameter() -> None:
    with pytest.raises(ValueError, match="no path parameter"):
        Route(
            method="GET",
            path="/v1/vms",
            operation="x",
            access=Access.PROJECT_USER,
            owner=Owner("vm"),
            summary="",
        )


def test_a_json_body_needs_its_type() -> None:
    with pytest.raises(ValueError, match="JSON body"):
        Route(
            method="POST",
            path="/v1/vms",
            operation="x",
            access=Access.AUTHENTICATED,
            body=Body.JSON,
            summary="",
        )
