"""Attempts to sign in, and what people do in a browser then, as told to whoever keeps records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from heliostat.core.errors import HeliostatError

BROWSER = "browser"
"""What was shown by who does something in a browser that is signed in: its cookie."""


class SignIn(NamedTuple):
    """Who (empty if nobody here), by which program, and what came of it.

    ``grant`` is what was shown: a password (to a program or on a page), a key, a code.
    What was typed for a name that nobody here has is not told: it may be a password.
    ``operation`` is what was done; ``entity`` the id of what it was done to.
    """

    grant: str
    subject: str
    client: str
    error: HeliostatError | None
    operation: str = "signIn"
    entity: str = ""


Tell = Callable[[web.Request, SignIn], Awaitable[None]]
