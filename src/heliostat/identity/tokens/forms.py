"""Forms from whoever comes: bounded in size, number of fields and time."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import StreamReader, web

from heliostat.core.errors import PermanentError

MAX_BODY_BYTES = 65_536
MAX_FIELDS = 32
BODY_TIMEOUT_S = 30.0
B = TypeVar("B", bytes, bytearray)
FORM = "application/x-www-form-urlencoded"


async def fields_of(request: web.Request, longest: int = MAX_BODY_BYTES) -> dict[str, str]:
    """The form's fields; raises ``InvalidEntity``, ``RequestTooLarge``."""
    if request.content_type != FORM:
        raise PermanentError("InvalidEntity", f"Send {FORM}, not {request.content_type[:80]}.")
    try:
        text = (await body_of(request, longest)).decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise PermanentError("InvalidEntity", f"The form can't be read: {error}.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise PermanentError("InvalidEntity", "A field occurs more than once.")
    return fields


async def body_of(request: web.Request, longest: int) -> bytes:
    """The whole body; who has no token yet may hold a connection no longer than others."""
    content = request.content
    if content.is_eof():  # all of it came with the head, as forms do: no time to watch over
        body = content.read_nowait()
        if content.at_eof():
            return _bounded(body, longest)
    else:
        body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _rest(content, bytearray(body), longest)
    except TimeoutError as error:
        sentence = f"The form did not arrive within {BODY_TIMEOUT_S:g} s."
        raise PermanentError("InvalidEntity", sentence) from error


async def _rest(content: StreamReader, body: bytearray, longest: int) -> bytes:
    async for chunk in content.iter_any():
        body += chunk
        _bounded(body, longest)
    return bytes(body)


def _bounded(body: B, longest: int) -> B:
    if len(body) > longest:
        raise PermanentError("RequestTooLarge", f"Such a request has at most {longest} bytes.")
    return body
