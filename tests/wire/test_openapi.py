"""The committed description is the table's, and says what clients need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heliostat import __version__
from heliostat.wire import openapi
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
    known = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in known


def test_requests_refuse_unknown_fields_and_say_so() -> None:
    schema = openapi.document(__version__)["components"]["schemas"]["TenantCreateSpec"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]


def test_mutating_operations_take_plan_and_key() -> None:
    operation = openapi.document(__version__)["paths"]["/v1/tenants"]["post"]
    assert {each["name"] for each in operation["parameters"]} == {"plan", "Idempotency-Key"}
    assert operation["responses"].keys() == {"200", "201", "default"}


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for each in node.values() for found in _references(each)]
    if isinstance(node, list):
        return [found for each in node for found in _references(each)]
    return []
