"""The API reference page from the route table: pure, so the committed copy can be tested.

``python -m heliostat.wire.reference`` prints it.
"""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

import msgspec

from heliostat.wire.access import Access
from heliostat.wire.route import Route
from heliostat.wire.routes import NOUNS

WHO = {
    Access.PUBLIC: "everybody, without a token",
    Access.AUTHENTICATED: "everybody who is signed in",
    Access.SYSTEM_ADMIN: "system administrators",
    Access.TENANT_READ: "viewers of the tenant, and whoever holds a role on anything in it",
    Access.TENANT_VIEWER: "viewers of the tenant",
    Access.TENANT_USER: "contributors of the tenant",
    Access.TENANT_ADMIN: "owners of the tenant",
    Access.PROJECT_READ: "viewers of the project, and whoever holds a role on anything in it",
    Access.PROJECT_VIEWER: "viewers of it, its project or its tenant",
    Access.PROJECT_USER: "contributors of it, its project or its tenant",
    Access.PROJECT_OWNER: "owners of it, its project or its tenant",
    Access.PROJECT_ADMIN: "owners of the project's tenant",
}
_INTRODUCTION = """\
# API

Generated from the route table by `python -m heliostat.wire.reference`; the machine-readable
description is [openapi.json](openapi.json), which every controller also serves at `/openapi.json`.

* JSON over HTTPS; `Authorization: Bearer TOKEN`. System administrators may call everything.
* An owner may do what contributors may, a contributor what viewers may. A group of a tenant is its
  owner, a group of a project its contributor; policies (`…/iam`) give further roles.
* Every call that changes something accepts `?plan=true`: it answers 200 with what would be done and
  changes nothing. It also accepts an `Idempotency-Key`: the same key with the same body answers
  the same task for 24 hours; with another body it is refused.
* Errors are `{"code", "message", "data", "hint"}`; `code` is stable, see [errors.md](errors.md).
* Lists are `{"items", "nextPageLink"}`; the link is relative to the server, and its pages are one
  snapshot. Times are milliseconds since 1970.
"""


def render() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION]
    for title, noun in NOUNS:
        parts.append(f"## {title}\n")
        parts.append(f"{(noun.__doc__ or '').strip()}\n")
        parts += [_route(route) for route in noun.ROUTES]
    return "\n".join(parts)


def _route(route: Route) -> str:
    lines = [f"### `{route.method} {route.path}`", "", f"{route.summary} (`{route.operation}`)", ""]
    lines.append(f"* who: {WHO[route.rule]}")
    if route.body.is_upload:
        lines.append("* body: `multipart/form-data`")
    elif route.request is not None:
        lines.append(f"* body: {_type(route.request)}")
    lines += [f"* query `{query.name}`: {query.summary}" for query in route.query]
    lines.append(f"* answer: {_answer(route)}")
    return "\n".join(lines) + "\n"


def _answer(route: Route) -> str:
    if route.websocket:
        return "a WebSocket (101)"
    if route.response is None:
        return f"{route.status}, no body"
    return f"{route.status} {_type(route.response)}"


def _type(type_: Any) -> str:
    """A struct with its fields; those that may be left out carry a question mark."""
    if typing.get_origin(type_) is list:
        return f"a list of {_type(typing.get_args(type_)[0])}"
    if isinstance(type_, types.UnionType):
        return _type(next(each for each in typing.get_args(type_) if each is not type(None)))
    if not isinstance(type_, type) or not issubclass(type_, msgspec.Struct):
        return "a map from quota key to `{limit, unit}`"
    names = [
        field.encode_name + ("" if field.required else "?")
        for field in msgspec.structs.fields(type_)
    ]
    return f"{type_.__name__} `{{{', '.join(names)}}}`"


if __name__ == "__main__":
    sys.stdout.write(render())
