"""What signing in asks of a directory, whichever keeps its people.

Every implementation promises:

* ``authenticate`` answers a wrong password, an unknown name, a disabled and a locked
  one alike, after the same work, and counts the attempt for all controllers.
* ``Person.stamp`` changes whenever sessions must end: a password was set, the person
  was disabled, or deleted and made again.
* Groups are effective ones: those in groups are followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in now; ``groups`` as ``DOMAIN\\name``, sorted."""

    key: str
    subject: str
    stamp: str
    groups: tuple[str, ...]
    given_name: str = ""
    family_name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A program with an identity of its own."""

    subject: str
    groups: tuple[str, ...]


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
