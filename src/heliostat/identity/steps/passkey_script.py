"""The script behind the button for passkeys: a file of ours, let in by each page's nonce."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from aiohttp import web


@cache
def script_text() -> str:
    """What is served; read once."""
    return files("heliostat.identity.steps").joinpath("passkey.js").read_text()


async def passkey_script(_request: web.Request) -> web.StreamResponse:
    """The one script that pages here load."""
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=script_text(), content_type="text/javascript", headers=headers)
