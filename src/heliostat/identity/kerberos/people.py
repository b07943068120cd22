"""What Kerberos asks of a directory: keys that were set with a password, and the one count.

Wrong passwords are counted where tokens and LDAP count theirs, so an account that is locked by
one way is locked by all three at the same moment, on every controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


class Standing(Enum):
    """Whether somebody may have a ticket."""

    WELL = auto()
    LOCKED = auto()
    """No password counts for the time being; tickets that are out do."""
    REVOKED = auto()
    """Disabled."""
    CHANGE_NEEDED = auto()
    """Only one for choosing another password."""


@dataclass(frozen=True, slots=True)
class KerberosPerson:
    """``keys`` are sealed, and empty for who has not signed in since there is a realm."""

    key: str
    keys: str
    standing: Standing
    password_set_ms: int


class KerberosPeople(Protocol):
    """A directory, as the gate sees it."""

    async def kerberos_person(self, name: str) -> KerberosPerson | None:
        """As of now; ``None`` for a name that nobody has."""

    async def password_failed(self, key: str) -> bool:
        """Count a wrong password; false if the account was locked meanwhile."""

    async def password_proven(self, key: str) -> bool:
        """Begin counting anew; false if the account was locked meanwhile."""
