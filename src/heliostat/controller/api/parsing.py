"""Bodies and query parameters into types, at the edge.

Every refusal names the field or parameter: InvalidJson for what is no JSON,
InvalidEntity for JSON that doesn't fit, InvalidQueryParams for the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from multidict import MultiMapping

from heliostat.core.errors import PermanentError
from heliostat.wire.route import Query

_PATH = re.compile(r" - at `(?P<path>[^`]+)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
_BOOLEANS = {"true": True, "false": False}
_NOTHING = (b"", b"{}", b"null")


def parse_json(raw: bytes, type_: Any) -> Any:
    """``raw`` as a ``type_``; raises InvalidJson or InvalidEntity."""
    if not raw.strip():
        raise PermanentError("InvalidJson", "The request has no body; a JSON body is needed.")
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PermanentError("InvalidJson", f"The body is not valid JSON: {error}.") from error


def parse_nothing(raw: bytes) -> None:
    """Operations without a body take none, or an empty object."""
    if raw.strip() not in _NOTHING:
        raise PermanentError("InvalidEntity", "This operation takes no body.", data={"field": ""})


def parse_query(given: MultiMapping[str], declared: Iterable[Query]) -> Mapping[str, Any]:
    """The parameters that were given, each once and in its type."""
    if not given:
        return {}
    known = {query.name: query for query in declared}
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise _bad_query(name, f"there is no such query parameter here (known: {names})")
        if name in values:
            raise _bad_query(name, "given more than once")
        values[name] = _parse(known[name], text)
    return values


def _parse(query: Query, text: str) -> Any:
    if query.type is bool:
        if text.lower() not in _BOOLEANS:
            raise _bad_query(query.name, f"{text!r} is neither true nor false")
        return _BOOLEANS[text.lower()]
    if query.type is int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            code = "InvalidPageSize" if query.name == "pageSize" else "InvalidQueryParams"
            raise _bad_query(query.name, f"{text!r} is not a whole number", code)
        return int(text)
    return text


def _bad_query(name: str, why: str, code: str = "InvalidQueryParams") -> PermanentError:
    return PermanentError(code, f"Query parameter {name}: {why}.", data={"parameter": name})


def _invalid(message: str) -> PermanentError:
    """An InvalidEntity from msgspec's sentence, which ends in the path of the value."""
    found = _PATH.search(message)
    path = found["path"].removeprefix("$").removeprefix(".") if found else ""
    told = _PATH.sub("", message)
    for pattern in (_UNKNOWN, _MISSING):
        if (named := pattern.search(told)) is not None:
            path = f"{path}.{named['name']}".removeprefix(".")
    where = f"{path}: " if path else ""
    return PermanentError("InvalidEntity", f"{where}{told}.", data={"field": path})
