"""Which documents are entries: by their keys, ``/v1/<kind>/<tenant>/<id>``.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

import msgspec

from heliostat.cloudstore.documents import quote
from heliostat.identity.openldap.forms import FORMS, Form

MARKS = "/v1/directory-written/"
_MIXED = "client"
"""A kind of which only some documents are entries: service accounts among programs' clients."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """All documents of a kind, of one tenant."""

    kind: str
    tenant: str

    @property
    def form(self) -> Form:
        return FORMS[self.kind]

    @property
    def prefix(self) -> str:
        return f"/v1/{self.kind}/{self.tenant}/"

    @property
    def is_mixed(self) -> bool:
        return self.kind == _MIXED

    def key(self, id_: str) -> str:
        return self.prefix + quote(id_)

    @property
    def mark(self) -> str:
        """A document that is written whenever something on the shelf is."""
        return f"{MARKS}{self.kind}/{self.tenant}/written"


@dataclass(frozen=True, slots=True)
class Placed:
    """One document."""

    shelf: Shelf
    id: str

    @property
    def is_mixed(self) -> bool:
        return self.shelf.is_mixed


def shelf(prefix: str) -> Shelf | None:
    """The shelf that a prefix is all of."""
    parts = prefix.split("/")
    if len(parts) == 5 and parts[:2] == ["", "v1"] and parts[2] in FORMS and parts[3]:
        return Shelf(parts[2], parts[3]) if not parts[4] else None
    return None


def shelf_around(prefix: str) -> Shelf | None:
    """The shelf that all keys with this prefix are on."""
    return shelf(prefix.rpartition("/")[0] + "/")


@dataclass(frozen=True, slots=True)
class Holding:
    """The index from a member to the groups that name it, of one tenant."""

    tenant: str
    member: str
    prefix: str


def holding(prefix: str) -> Holding | None:
    """The member that a prefix of that index is about."""
    parts = prefix.split("/")
    if len(parts) == 7 and parts[:3] == ["", "idx", "group"] and parts[4] == "member":
        return Holding(parts[3], unquote(parts[5]), prefix) if not parts[6] else None
    return None


def placed(key: str) -> Placed | None:
    """Where the document of a key may be an entry; ``None`` where it never is."""
    if key[4 : key.find("/", 4)] not in FORMS:
        return None  # most keys: every read and write is looked at here
    parts = key.split("/", 5)
    if len(parts) != 5 or parts[:2] != ["", "v1"] or not parts[3] or not parts[4]:
        return None
    return Placed(Shelf(parts[2], parts[3]), unquote(parts[4]))


def holds(key: str, value: bytes) -> bool:
    """Whether this document is an entry when its kind is."""
    where = placed(key)
    if where is None:
        return False
    if not where.is_mixed:
        return True
    return where.shelf.form.holds(msgspec.json.decode(value, type=dict[str, object]))
