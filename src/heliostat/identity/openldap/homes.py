"""Where people and groups are kept, as a document: in the document store, or in OpenLDAP.

One document for the site, so that moving all of them is one commit.  Whoever writes guards
that it is as it was read: nothing is written to a home that was left meanwhile.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.cloudstore.contract import Absent, AtRevision, CloudStore, Guard
from heliostat.cloudstore.documents import Kind, Stored

SITE = "site"


class Place(StrEnum):
    """Who keeps people and groups."""

    EMBEDDED = "embedded"
    OPENLDAP = "openldap"


class Phase(StrEnum):
    """How far a move is."""

    COPYING = "copying"
    """Changes go on in the old home."""
    CLOSED = "closed"
    """Nothing may change: what is left is copied and compared."""


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where everybody is; with ``phase``, on the way to ``target``."""

    place: Place
    target: Place | None = None
    phase: Phase | None = None
    moved_ms: int = 0
    clear: Place | None = None
    """What may be emptied since ``moved_ms``: the home before."""
    id: str = SITE
    schema: int = 1


HOMES = Kind("directory-home", Home)


async def read_home(store: CloudStore) -> tuple[Home, Guard, Stored[Home] | None]:
    """The home, and a guard that it is still so; before it was ever set: embedded."""
    stored = await HOMES.get(store, SITE)
    if stored is None:
        return Home(place=Place.EMBEDDED), Absent(HOMES.key(SITE)), None
    return stored.value, AtRevision(stored.key, stored.revision), stored
