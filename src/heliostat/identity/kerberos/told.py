"""What happened at the Kerberos ports, as it is told to whoever keeps a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple


class Act(StrEnum):
    """What somebody wanted."""

    SIGN_IN = "signIn"
    CHANGE_PASSWORD = "changeOwnPassword"  # noqa: S105 - an operation


class Attempt(NamedTuple):
    """Who (empty if nobody here), what came of it (a code, empty if it was granted), from where."""

    act: Act
    subject: str
    code: str
    address: str


Tell = Callable[[Attempt], Awaitable[None]]


async def tell_nobody(_attempt: Attempt) -> None:
    """For those who keep no record."""
