"""What signing in asks of whoever keeps people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in now; ``groups`` as ``DOMAIN\\name``, sorted.

    ``made_ms`` tells the person from an earlier one with this ``key`` (0: there can't be one).
    """

    key: str
    subject: str
    stamp: str
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    made_ms: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A program with an identity of its own; ``made_ms`` as a person's."""

    subject: str
    groups: tuple[str, ...]
    made_ms: int = 0


class People(Protocol):
    """Who may sign in, and what they belong to."""

    async def authenticate(self, username: str, password: str) -> Person:
        """Whose password that is.

        Raises ``InvalidLoginCredentials`` and ``TooManyRequests``.
        """

    async def person(self, key: str) -> Person | None:
        """The person as of now; ``None`` for one who is gone or disabled."""

    async def account(self, name: str) -> Account:
        """A service account as of now; raises ``ServiceAccountNotFound``."""
