"""What an audit trail is told of LDAP: who signed in or wrote, from where, what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heliostat.core.errors import HeliostatError

SIGN_IN = "signIn"


@dataclass(frozen=True, slots=True)
class Told:
    """``subject`` is empty where nobody here is meant; ``dn`` is what was written."""

    operation: str
    subject: str
    address: str
    dn: str = ""
    error: HeliostatError | None = None


Tell = Callable[[Told], Awaitable[None]]


async def nobody(_: Told) -> None:
    """Where nobody keeps a record."""
