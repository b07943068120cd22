"""The page: every noun, operation, type and error code, from the same tables as the API.

Everything is in the one file: style and script are ours and are put in, nothing
is fetched.  Without the script it is still readable; the script adds search and
copying.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from types import ModuleType
from typing import Any

from heliostat.core.causes import CAUSES, retry_of
from heliostat.core.codes import CODES
from heliostat.wire import openapi
from heliostat.wire.page.commands import COMMANDS
from heliostat.wire.page.samples import Schemas, curl, referenced
from heliostat.wire.reference import WHO
from heliostat.wire.refusals import SENTENCES, statuses
from heliostat.wire.route import Query, Route
from heliostat.wire.routes import NOUNS

_INTRODUCTION = """
<p>JSON over HTTPS. Send <code>Authorization: Bearer TOKEN</code>; on the controller's Unix socket
its owner needs none. <code>URL</code> and <code>TOKEN</code> below are yours to set.</p>
<ul>
<li>What changes something takes <code>?plan=true</code>: it answers 200 with what would be done
and changes nothing.</li>
<li>It also takes an <code>Idempotency-Key</code>: the same key with the same body answers the same
task for 24 hours.</li>
<li>Most changes answer 201 with a task; <code>GET /v1/tasks/{id}</code> tells how far it is and
<code>/explain</code> why.</li>
<li>Errors are <code>{"code", "message", "data", "hint"}</code>; a code never changes its
meaning.</li>
<li>Lists are <code>{"items", "nextPageLink"}</code>. All pages of a list are one snapshot; its
<code>X-Revision</code> is where <code>GET /v1/events?from=REVISION</code> goes on.</li>
<li>Times are milliseconds since 1970.</li>
</ul>
"""


@cache
def render(version: str) -> bytes:
    """The page of this version."""
    description = openapi.document(version)
    schemas: Schemas = description["components"]["schemas"]
    body = "".join(_body(description, schemas, version))
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    script = files(__package__).joinpath("page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Heliostat API</title><style>{style}</style></head>"
        f"<body>{body}<script>{script}</script></body></html>\n"
    ).encode()


def _body(description: dict[str, Any], schemas: Schemas, version: str) -> Iterator[str]:
    yield '<nav><a class="title" href="#top">Heliostat API</a>'
    yield '<input id="search" type="search" placeholder="Search (press /)" aria-label="Search">'
    yield '<p id="none" hidden>Nothing found.</p><ul>'
    for title, noun in NOUNS:
        yield f'<li class="noun"><a href="#{_anchor(title)}">{escape(title)}</a><ul>'
        for route in noun.ROUTES:
            yield (
                f'<li data-for="{route.operation}"><a href="#{route.operation}">'
                f"{escape(route.operation)}</a></li>"
            )
        yield "</ul></li>"
    yield '<li><a href="#types">Types</a></li><li><a href="#codes">Error codes</a></li>'
    yield '</ul></nav><main id="top">'
    yield f"<h1>Heliostat API <small>{escape(version)}</small></h1>{_INTRODUCTION}"
    yield '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>'
    for title, noun in NOUNS:
        yield from _noun(title, noun, description, schemas)
    yield from _types(schemas)
    yield from _codes()
    yield "</main>"


def _noun(
    title: str, noun: ModuleType, description: dict[str, Any], schemas: Schemas
) -> Iterator[str]:
    yield f'<section><h2 id="{_anchor(title)}">{escape(title)}</h2>'
    yield f"<p>{_prose(noun.__doc__ or '')}</p>"
    for route in noun.ROUTES:
        operation = description["paths"][route.path][route.method.lower()]
        yield from _operation(route, operation, schemas)
    yield "</section>"


def _operation(route: Route, told: dict[str, Any], schemas: Schemas) -> Iterator[str]:
    method = "WS" if route.websocket else route.method
    words = f"{route.operation} {method} {route.path} {route.summary}".lower()
    yield f'<article id="{route.operation}" data-words="{escape(words)}">'
    yield (
        f'<h3><span class="method {method.lower()}">{method}</span> '
        f"<code>{_path(route.path)}</code></h3>"
    )
    yield f"<p>{escape(route.summary)} <em>For {escape(WHO[route.rule])}.</em></p>"
    if route.all_query:
        yield from _parameters(route.all_query)
    body = _request_schema(told)
    if body is not None and (name := referenced(body)):
        yield f"<h4>Body {_link(name)}</h4>"
        if text := schemas[name].get("description"):
            yield f"<p>{_prose(text)}</p>"
        yield from _fields(schemas[name])
    yield f"<h4>Answer {route.status}</h4><p>{_answer(told, route)}</p>"
    refusals = ", ".join(
        f'<span title="{escape(SENTENCES[status])}">{status}</span>' for status in statuses(route)
    )
    yield f'<p class="refusals">Refusals: {refusals}.</p>'
    yield _line(curl(route, body, schemas))
    if route.operation in COMMANDS:
        yield _line(COMMANDS[route.operation])
    yield "</article>"


def _parameters(query: tuple[Query, ...]) -> Iterator[str]:
    yield '<h4>Query</h4><table class="fields">'
    for each in query:
        yield (
            f"<tr><td><code>{escape(each.name)}</code></td><td>{each.type.__name__}</td>"
            f"<td>{escape(each.summary)}</td></tr>"
        )
    yield "</table>"


def _request_schema(told: dict[str, Any]) -> dict[str, Any] | None:
    content = told.get("requestBody", {}).get("content", {})
    found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


def _answer(told: dict[str, Any], route: Route) -> str:
    success = told["responses"][str(route.status)]
    for media_type, content in success.get("content", {}).items():
        kind = "" if media_type == "application/json" else f" ({escape(media_type)})"
        return f"{_type(content['schema'])}{kind}. {escape(success['description'])}."
    return f"{escape(success['description'])}."


def _types(schemas: Schemas) -> Iterator[str]:
    yield '<section><h2 id="types">Types</h2>'
    for name, schema in sorted(schemas.items()):
        yield f'<article id="type-{escape(name)}" data-words="{escape(name.lower())}">'
        yield f"<h3>{escape(name)}</h3>"
        if text := schema.get("description"):
            yield f"<p>{_prose(text)}</p>"
        yield from _fields(schema)
        yield "</article>"
    yield "</section>"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    if "enum" in schema:
        known = ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
        yield f"<p>One of {known}.</p>"
    properties = schema.get("properties", {})
    if not properties:
        return
    required = set(schema.get("required", ()))
    yield '<table class="fields">'
    for name, field in properties.items():
        need = "required" if name in required else _default(field)
        yield (
            f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td>"
            f"<td>{escape(need)}</td></tr>"
        )
    yield "</table>"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return f"default {json.dumps(default)}" if default not in (None, "", [], {}) else "optional"


def _type(schema: dict[str, Any]) -> str:
    """A schema in words, with links to types."""
    if name := referenced(schema):
        return _link(name)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[word]))
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"map of {_type(schema['additionalProperties'])}"
        case list(several):
            return " or ".join(map(str, several))
        case None:
            return "anything"
        case plain:
            return escape(str(plain))


def _codes() -> Iterator[str]:
    yield '<section><h2 id="codes">Error codes</h2><table class="fields">'
    for name, code in sorted(CODES.items()):
        yield (
            f'<tr id="code-{name}" data-words="{name.lower()}"><td><code>{name}</code></td>'
            f"<td>{code.status}, again: {retry_of(name)}</td>"
            f"<td>{_prose(CAUSES.get(name, ''))} <em>{_prose(code.hint)}</em></td></tr>"
        )
    yield "</table></section>"


def _line(text: str) -> str:
    return f'<div class="line"><code>{escape(text)}</code><button type="button">Copy</button></div>'


def _link(name: str) -> str:
    return f'<a href="#type-{escape(name)}">{escape(name)}</a>'


def _path(path: str) -> str:
    """Parameters stand out."""
    return escape(path).replace("{", "<var>{").replace("}", "}</var>")


def _prose(text: str) -> str:
    """Words of ours, with what is between backticks as code."""
    parts = escape(" ".join(text.replace("``", "`").split())).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )


def _anchor(title: str) -> str:
    return "noun-" + title.lower().replace(" ", "-")
