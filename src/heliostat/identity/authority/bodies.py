"""Reading what strangers send: bounded in size and in time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from heliostat.core.errors import PermanentError

TIMEOUT_S = 30.0
"""How long a body may take; whoever sends it slower holds a connection for nothing."""


async def read_body(request: web.Request, most: int) -> bytes:
    """The body, in however many pieces it comes; ``most + 1`` bytes of a longer one.

    Raises ``InvalidJson`` for one that does not arrive in time.
    """
    found = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while len(found) <= most:
                piece = await request.content.read(most + 1 - len(found))
                if not piece:
                    break
                found += piece
    except TimeoutError as error:
        sentence = f"The body did not arrive within {TIMEOUT_S:g} s."
        raise PermanentError("InvalidJson", sentence) from error
    return bytes(found)
