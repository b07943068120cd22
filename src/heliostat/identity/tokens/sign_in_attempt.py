"""An attempt to sign in, as it is told to whoever keeps a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from heliostat.core.errors import HeliostatError


class SignIn(NamedTuple):
    """Who (empty if nobody here), by which program, and what came of it.

    ``grant`` is what was shown: a password (to a program or on a page), a key, a code.
    What was typed for a name that nobody here has is not told: it may be a password.
    """

    grant: str
    subject: str
    client: str
    error: HeliostatError | None


Tell = Callable[[web.Request, SignIn], Awaitable[None]]
