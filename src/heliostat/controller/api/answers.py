"""The one way a JSON answer is made."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

JSON = "application/json"
_HEADERS = {"Content-Type": JSON}
_encoder = msgspec.json.Encoder()


def encode(body: Any) -> bytes:
    """Wire structs as JSON; equal structs give equal bytes."""
    return _encoder.encode(body)


def as_json(body: Any, status: int) -> web.Response:
    # as a header, which aiohttp takes as it is: ``content_type`` it would parse and put together
    return web.Response(status=status, body=encode(body), headers=_HEADERS)
