"""OpenAPI 3.1 from the route table: pure, so the committed copy can be tested current.

``python -m heliostat.wire.openapi`` prints it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import msgspec

from heliostat.wire.errors import ApiError
from heliostat.wire.events import EVENT_STREAM
from heliostat.wire.plans import Plan
from heliostat.wire.refusals import SENTENCES, statuses
from heliostat.wire.route import Body, Query, Route
from heliostat.wire.routes import NOUNS, ROUTES
from heliostat.wire.tasks import Task

_JSON = "application/json"
_ABOUT = """\
Every call that changes something takes `?plan=true` (200: what would be done, nothing is changed)
and an `Idempotency-Key` (the same key and body again answers the same task for 24 hours).
Errors are `{"code", "message", "data", "hint"}`; `code` is stable.
Lists are `{"items", "nextPageLink"}`; all pages of a list are one snapshot.
Times are milliseconds since 1970.
"""
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
_HEADERS: dict[str, Any] = {
    "RequestId": {
        "description": "Names the request in logs and in the audit trail.",
        "schema": {"type": "string"},
    },
    "Revision": {
        "description": "The revision at which all pages of the list are read; events go on there.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}
_SECURITY: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of /openidconnect/token. None is needed on the "
        "controller's Unix socket by the user that runs it.",
    },
    "oidc": {
        "type": "openIdConnect",
        "openIdConnectUrl": "/openidconnect/.well-known/openid-configuration",
    },
}
_TAGS = {route.operation: title for title, noun in NOUNS for route in noun.ROUTES}
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
            "summary": "The API of a private cloud.",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The controller that answers this."}],
        "tags": [
            {"name": title, "description": (noun.__doc__ or "").strip()} for title, noun in NOUNS
        ],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _errors(),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
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
        "tags": [_TAGS[route.operation]],
        "x-access": route.rule.value,
        "responses": _responses(route, by_type),
    }
    if parameters:
        found["parameters"] = parameters
    if route.access.needs_token:
        found["security"] = [{"bearer": []}, {"oidc": []}]
    else:
        found["security"] = []
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
    success: dict[str, Any] = {"description": _success(route)}
    if _is_list(route):
        success["headers"] = {"X-Revision": {"$ref": "#/components/headers/Revision"}}
    if route.response is not None:
        success["content"] = {route.media_type: {"schema": by_type[_key(route.response)]}}
    found: dict[str, Any] = {str(route.status): success}
    if route.mutating:
        found["200"] = _or_plan(found.get("200"), by_type[_key(Plan)])
    for status in statuses(route):
        found[str(status)] = {"$ref": f"#/components/responses/{_refusal(status)}"}
    found["default"] = {"$ref": "#/components/responses/Error"}
    return found


def _or_plan(success: dict[str, Any] | None, plan: dict[str, Any]) -> dict[str, Any]:
    """What 200 means where ``plan=true`` is taken, also of a route that answers 200 without it."""
    said = "With plan=true: what would be done"
    if success is None:
        return {"description": said, "content": {_JSON: {"schema": plan}}}
    content = dict(success.get("content", {}))
    content[_JSON] = {"schema": {"anyOf": [content[_JSON]["schema"], plan]}}
    return {**success, "description": f"{success['description']}. {said}", "content": content}


def _success(route: Route) -> str:
    if route.websocket:
        return "A WebSocket: binary frames both ways"
    if route.media_type == EVENT_STREAM:
        return "Server-sent events, without end; the data of each is such an object"
    return "The task that carries it out" if route.response is Task else "Success"


def _is_list(route: Route) -> bool:
    return any(query.name == "pageLink" for query in route.query)


def _refusal(status: int) -> str:
    return f"Error{status}"


def _errors() -> dict[str, Any]:
    """One shape for all of them: a client tells them apart by ``code``."""
    content = {_JSON: {"schema": {"$ref": "#/components/schemas/ApiError"}}}
    headers = {"REQUEST-ID": {"$ref": "#/components/headers/RequestId"}}
    shown = {_refusal(status): text for status, text in SENTENCES.items()}
    return {
        name: {"description": text, "headers": headers, "content": content}
        for name, text in {**shown, "Error": "An error."}.items()
    }


def _content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": schema}}}


if __name__ == "__main__":
    from heliostat import __version__

    sys.stdout.buffer.write(render(__version__))
