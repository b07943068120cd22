"""Sample bodies and requests, made from the description alone.  Pure."""

from __future__ import annotations

import json
from typing import Any

from heliostat.wire.route import Body, Route

Schemas = dict[str, dict[str, Any]]
DEEPEST = 4
_PLAIN: dict[str, Any] = {"string": "…", "integer": 1, "number": 1.0, "boolean": True}


def referenced(schema: dict[str, Any]) -> str:
    """The name of the type that a schema refers to, or empty."""
    return str(schema.get("$ref", "")).removeprefix("#/components/schemas/")


def sample(schema: dict[str, Any], schemas: Schemas, depth: int = 0) -> Any:
    """A value that the schema allows: required fields only, below the first level."""
    if name := referenced(schema):
        schema = schemas[name]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            chosen = [each for each in schema[word] if each.get("type") != "null"]
            return sample(chosen[0], schemas, depth)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return _object(schema, schemas, depth)
        case "object":
            return {}
        case "array":
            inner = schema.get("items")
            return [sample(inner, schemas, depth + 1)] if inner and depth < DEEPEST else []
        case str(plain):
            return _PLAIN.get(plain)
        case _:
            return "…"


def _object(schema: dict[str, Any], schemas: Schemas, depth: int) -> dict[str, Any]:
    if depth >= DEEPEST:
        return {}
    required = set(schema.get("required", ()))
    return {
        name: _named(name, sample(field, schemas, depth + 1))
        for name, field in schema["properties"].items()
        if name in required
    }


def _named(name: str, value: Any) -> Any:
    """A text to fill in says what it is: ``sourceImageId`` becomes ``SOURCE_IMAGE_ID``."""
    if value != _PLAIN["string"]:
        return value
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)


def curl(route: Route, body: dict[str, Any] | None, schemas: Schemas) -> str:
    """The request as a line for a shell; ``$URL`` and ``$TOKEN`` are the reader's."""
    words = ["curl"]
    if route.method != "GET":
        words.append(f"-X {route.method}")
    if route.access.needs_token:
        words.append('-H "Authorization: Bearer $TOKEN"')
    if route.body is Body.UPLOAD:
        words += ["-F ImageReplication=EAGER", "-F file=@FILE"]
    elif route.body.is_upload:
        words.append("-F file=@FILE")
    elif body is not None:
        text = json.dumps(sample(body, schemas), ensure_ascii=False)
        words.append(f"--json '{text}'")
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", name.upper())
    if route.websocket:
        return f'websocat -b -H "Authorization: Bearer $TOKEN" "${{URL/http/ws}}{path}"'
    flag = "-N " if route.media_type == "text/event-stream" else ""
    return f'{" ".join(words)} {flag}"$URL{path}"'
