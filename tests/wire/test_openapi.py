"""The committed description is the table's, and says what clients need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from heliostat import __version__
from heliostat.wire import openapi
from heliostat.wire.route import Body, Route
from heliostat.wire.routes import ROUTES

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


def test_committed_copy_is_current() -> None:
    """Renew it with ``python -m heliostat.wire.openapi > docs/reference/openapi.json``."""
    assert COMMITTED.read_bytes() == openapi.render(__version__)


def test_every_route_is_described() -> None:
    paths = openapi.document(__version__)["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document(__version__)
    for reference in _references(document):
        root, section, kind, name = reference.split("/")
        assert (root, section) == ("#", "components")
        assert name in document["components"][kind]


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(openapi.document(__version__)).validate()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_client_learns_everything_about_a_route(route: Route) -> None:
    document = openapi.document(__version__)
    operation = document["paths"][route.path][route.method.lower()]
    assert operation["tags"]
    assert operation["summary"].endswith(".")
    assert bool(operation["security"]) == route.access.needs_token
    told = operation["responses"]
    assert "default" in told
    assert {"400", "500"} <= told.keys()
    assert ("401" in told) == route.access.needs_token
    named = {each["name"] for each in operation.get("parameters", ())}
    assert named >= {*route.parameters, *(query.name for query in route.all_query)}
    if route.body is not Body.NONE:
        assert "requestBody" in operation


def test_requests_refuse_unknown_fields_and_say_so() -> None:
    schema = openapi.document(__version__)["components"]["schemas"]["TenantCreateSpec"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]


def test_mutating_operations_take_plan_and_key() -> None:
    operation = openapi.document(__version__)["paths"]["/v1/tenants"]["post"]
    assert {each["name"] for each in operation["parameters"]} == {"plan", "Idempotency-Key"}
    assert operation["responses"].keys() == {
        *("200", "201", "400", "401", "403", "404", "409", "413", "500", "503"),
        "default",
    }


def test_what_changes_something_describes_its_answer_and_its_plan() -> None:
    paths = openapi.document(__version__)["paths"]
    for route in ROUTES:
        responses = paths[route.path][route.method.lower()]["responses"]
        if route.mutating:
            assert "#/components/schemas/Plan" in _references(responses["200"]), route.operation
        if isinstance(route.response, type) and issubclass(route.response, msgspec.Struct):
            expected = f"#/components/schemas/{route.response.__name__}"
            assert expected in _references(responses[str(route.status)]), route.operation


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for each in node.values() for found in _references(each)]
    if isinstance(node, list):
        return [found for each in node for found in _references(each)]
    return []
