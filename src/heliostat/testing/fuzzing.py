"""What a fuzzer is told of the API: its own description, made stricter and more helpful.

Stricter: a status that a route does not name is a failure.  More helpful: path
parameters are often ids of things that exist, so that most requests get past
404.  Streams without an end are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from heliostat import __version__
from heliostat.wire import openapi
from heliostat.wire.routes import BY_OPERATION

CHECKS = (
    "unsupported_method",
    "ignored_auth",
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def strict_description(known_ids: Iterable[str]) -> dict[str, Any]:
    """The description for a fuzzer of a site where ``known_ids`` exist."""
    document: dict[str, Any] = json.loads(openapi.render(__version__))
    existing = sorted(set(known_ids))
    for path, methods in [*document["paths"].items()]:
        for method, operation in [*methods.items()]:
            route = BY_OPERATION[operation["operationId"]]
            if route.websocket or route.media_type == "text/event-stream":
                del methods[method]
                continue
            del operation["responses"]["default"]
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter["schema"] = {
                        "anyOf": [{"enum": existing}, {"type": "string", "maxLength": 40}]
                    }
        if not methods:
            del document["paths"][path]
    return document


def write_description(folder: Path, known_ids: Iterable[str]) -> Path:
    """The description as a file for the fuzzer's command."""
    path = folder / "openapi.json"
    path.write_text(json.dumps(strict_description(known_ids)))
    return path
