"""What a check-up of identity tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """Where something is wrong."""

    STORE = "store"
    """A document can't be read."""
    DIRECTORY = "directory"
    """People, groups and machines, here and in directories elsewhere."""
    SIGN_IN = "sign-in"
    """What proves people and programs: tokens, Kerberos, LDAP, other providers."""
    CERTIFICATES = "certificates"
    """The authority, and what it has issued."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing, and what to do."""

    area: Area
    message: str
    hint: str = ""
