"""Rules of a directory itself: when it locks, and how it says that a password has expired.

Active Directory keeps its lockout with the domain, in intervals of 100 ns that are negative,
and tells why a sign-in failed in words after ``data``.
"""

from __future__ import annotations

import re

from heliostat.identity.sources.guessing import NO_RULE, TheirRule
from heliostat.identity.sources.protocol.connection import Connection, Refused
from heliostat.identity.sources.protocol.filters import present
from heliostat.identity.sources.protocol.messages import Outcome, Scope, Search
from heliostat.identity.sources.source import Source

_DATA = re.compile(r"\bdata ([0-9a-f]{1,8})\b")
_EXPIRED = {"532", "773"}
"""Expired, and to be changed at the next sign-in: both are said of right passwords only."""
_DOMAIN_PART = re.compile(r"(?:^|,)\s*(dc\s*=.*)$", re.IGNORECASE)
_INTERVALS_A_SECOND = 10_000_000


def says_expired(outcome: Outcome) -> bool:
    """Whether the password was right, but counts no longer."""
    found = _DATA.search(outcome.words)
    return found is not None and found[1] in _EXPIRED


async def read(connection: Connection, source: Source) -> TheirRule:
    """When the domain locks; ``NO_RULE`` where it does not say."""
    domain = _DOMAIN_PART.search(source.people_base)
    if domain is None:
        return NO_RULE
    search = Search(
        domain[1],
        present("objectClass"),
        ("lockoutThreshold", "lockOutObservationWindow"),
        Scope.BASE,
    )
    try:
        entries = await connection.search(search)
    except Refused:
        return NO_RULE  # not ours to read; our own rule still counts
    if len(entries) != 1:
        return NO_RULE
    failures = entries[0].text("lockoutThreshold")
    window = entries[0].text("lockOutObservationWindow").removeprefix("-")
    if not failures.isdecimal() or not window.isdecimal():
        return NO_RULE
    return TheirRule(int(failures[:9]), int(window[:20]) / _INTERVALS_A_SECOND)
