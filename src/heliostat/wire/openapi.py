"""OpenAPI 3.1 from the route table: pure, so the committed copy can be tested current.

``python -m heliostat.wire.openapi`` prints it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import msgspec

from heliostat.wire.errors import ApiError
from heliostat.wire.plans import Plan
from heliostat.wire.route import Body, Query, Route
from heliostat.wire.routes import ROUTES

_JSON = "application/json"
_FILE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "The file; its name becomes the name of what is made of it.",
        },
    },
}
_UPLOAD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["ImageReplication", "file"],
    "properties": {
        "ImageReplication": {
            "type": "string",
            "enum": ["EAGER", "ON_DEMAND"],
            "description": "Must come before the file part.",
        },
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "Raw, qcow2, VMDK or OVA; the file name becomes the image's name.",
        },
    },
}
_TYPES = {str: "string", int: "integer", bool: "boolean"}


def document(version: str, routes: tuple[Route, ...] = ROUTES) -> dict[str, Any]:
    """The whole description; ``version`` is the server's."""
    types = _types(routes)
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Heliostat",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


@cache
def render(version: str) -> bytes:
    """The document as indented JSON with a final newline, as it is committed."""
    return msgspec.json.format(msgspec.json.encode(document(version)), indent=2) + b"\n"


def _types(routes: tuple[Route, ...]) -> list[Any]:
    found: dict[str, Any] = {_key(each): each for each in (ApiError, Plan)}
    for route in routes:
        for each in (route.request, route.response):
            if each is not None:
                found[_key(each)] = each
    return list(found.values())


def _key(type_: Any) -> str:
    return str(type_)


def _operation(route: Route, by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.parameters
    ]
    parameters += [_query(query) for query in route.all_query]
    if route.mutating:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body again answers the same task for 24 hours.",
                "schema": {"type": "string"},
            }
        )
    found: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "x-access": route.rule.value,
        "responses": _responses(route, by_type),
    }
    if parameters:
        found["parameters"] = parameters
    if route.access.needs_token:
        found["security"] = [{"bearer": []}]
    if route.body is Body.JSON:
        found["requestBody"] = _content(_JSON, by_type[_key(route.request)])
    elif route.body.is_upload:
        schema = _UPLOAD_SCHEMA if route.body is Body.UPLOAD else _FILE_SCHEMA
        found["requestBody"] = _content("multipart/form-data", schema)
    return found


def _query(query: Query) -> dict[str, Any]:
    return {
        "name": query.name,
        "in": "query",
        "description": query.summary,
        "schema": {"type": _TYPES[query.type]},
    }


def _responses(route: Route, by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "WebSocket" if route.websocket else "Success"}
    if route.response is not None:
        success["content"] = {route.media_type: {"schema": by_type[_key(route.response)]}}
    found: dict[str, Any] = {str(route.status): success}
    if route.mutating:
        plan = {_JSON: {"schema": by_type[_key(Plan)]}}
        found["200"] = {"description": "With plan=true: what would be done", "content": plan}
    error = {_JSON: {"schema": by_type[_key(ApiError)]}}
    found["default"] = {"description": "An error", "content": error}
    return found


def _content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema}}}


if __name__ == "__main__":
    from heliostat import __version__

    sys.stdout.buffer.write(render(__version__))
