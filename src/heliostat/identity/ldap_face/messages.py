"""What slapd's socket back end says (slapd-sock(5)); ``replies`` is what it hears.  Pure.

Every request is text on a connection of its own, ends with an empty line, and is answered
with entries as LDIF and one result.  slapd writes what it has proven (who is bound, over
which connection) before what a client wrote, so the first line of a name is the one that
counts; a password comes with its length and is taken by that, whatever is in it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heliostat.identity.directory.schema import folded

LONGEST = 1 << 20
"""Bytes of a request that are read."""


class Verb(StrEnum):
    """The first line of a request."""

    BIND = "BIND"
    SEARCH = "SEARCH"
    COMPARE = "COMPARE"
    ADD = "ADD"
    DELETE = "DELETE"
    MODIFY = "MODIFY"
    MODRDN = "MODRDN"
    EXTENDED = "EXTENDED"
    UNBIND = "UNBIND"


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its verb, its fields by name, and what follows them line by line."""

    verb: Verb
    fields: Mapping[str, str]
    lines: tuple[str, ...] = ()
    password: bytes = field(default=b"", repr=False)

    def get(self, name: str, default: str = "") -> str:
        return self.fields.get(name, default)


class MalformedRequestError(Exception):
    """What came is no request of slapd's."""


BIND = b"BIND\n"
"""How the request begins whose answer lets somebody in."""
SEARCH = b"SEARCH\n"
"""How the request begins whose answer is more than one result."""
_VERBS = frozenset(Verb)
_PASSWORD = b"\ncred: "
_ONCE = frozenset(
    {"msgid", "binddn", "peername", "ssf", "connid", "base", "scope", "deref", "sizelimit",
     "timelimit", "filter", "attrsonly", "attrs", "method", "credlen", "newrdn", "deleteoldrdn",
     "newSuperior", "oid"}
)  # fmt: skip


def is_complete(raw: bytes | bytearray) -> bool:
    """Whether the request has come to its end."""
    if not raw.endswith(b"\n\n"):
        return False
    if not raw.startswith(BIND):
        return True
    at = raw.find(_PASSWORD)
    if at < 0:
        return True
    return len(raw) >= at + len(_PASSWORD) + _length(raw[:at]) + 2


def parse(raw: bytes) -> Request:
    """The request that came; raises ``MalformedRequestError``."""
    password = b""
    if raw.startswith(BIND) and (at := raw.find(_PASSWORD)) >= 0:
        password = raw[at + len(_PASSWORD) : -2]
        if len(password) != _length(raw[:at]):
            password = b""  # slapd stops at a NUL: what is left is another password
        raw = raw[:at] + b"\n\n"
    first, *rest = raw.decode(errors="surrogateescape").split("\n")
    if first not in _VERBS:
        raise MalformedRequestError(first[:40])
    fields: dict[str, str] = {}
    lines: list[str] = []
    for line in rest:
        if not line:
            break
        name, _, value = line.partition(":")
        if name in fields and name in _ONCE:
            # slapd writes names as they came, and a line's end in one must not begin another field
            raise MalformedRequestError(f"{name} twice")
        lines.append(line)
        if name not in fields:
            fields[name] = value.removeprefix(" ")
    return Request(Verb(first), fields, tuple(lines), password)


def _length(head: bytes | bytearray) -> int:
    _, _, rest = bytes(head).rpartition(b"\ncredlen: ")
    digits = rest.split(b"\n", 1)[0]
    return int(digits) if digits.isdigit() and len(digits) < 8 else 0


@dataclass(frozen=True, slots=True)
class Change:
    """One part of a modification: ``add``, ``delete`` or ``replace`` of an attribute's values."""

    how: str
    attribute: str
    values: tuple[str, ...]


def changes_of(request: Request) -> list[Change]:
    """The parts of a MODIFY; raises ``MalformedRequestError``."""
    found: list[Change] = []
    current: tuple[str, str] | None = None
    values: list[str] = []
    for line in _after(request, "dn"):
        if line == "-":
            if current is None:
                raise MalformedRequestError("a change without a name")
            found.append(Change(*current, tuple(values)))
            current, values = None, []
            continue
        name, _, value = line.partition(":")
        if current is None:
            current = (name, folded(_value(value)))
        else:
            values.append(_value(value))
    return found


def attributes_of(request: Request) -> dict[str, tuple[str, ...]]:
    """The attributes of an ADD, by folded name."""
    found: dict[str, list[str]] = {}
    for line in _after(request, "dn"):
        name, _, value = line.partition(":")
        found.setdefault(folded(name), []).append(_value(value))
    return {name: tuple(values) for name, values in found.items()}


def assertion_of(request: Request) -> tuple[str, str]:
    """Attribute (folded) and value of a COMPARE."""
    for line in _after(request, "dn"):
        name, _, value = line.partition(":")
        return folded(name), _value(value)
    raise MalformedRequestError("a comparison of nothing")


def dn_of(request: Request) -> str:
    """The name that a request is about.

    slapd writes that of an ADD as LDIF (in base64, over several lines), and all others as they
    came: of those the first line counts, as it does of who is bound.
    """
    lines = request.lines if request.verb is not Verb.ADD else _unfolded(request.lines)
    for line in lines:
        name, _, value = line.partition(":")
        if name in ("dn", "base"):
            return _value(value)
    return ""


def _after(request: Request, name: str) -> Iterable[str]:
    lines = iter(_unfolded(request.lines))
    for line in lines:
        if line.partition(":")[0] == name:
            break
    return lines


def _unfolded(lines: Iterable[str]) -> list[str]:
    whole: list[str] = []
    for line in lines:
        if line.startswith(" ") and whole:
            whole[-1] += line[1:]
        else:
            whole.append(line)
    return whole


def _value(text: str) -> str:
    if text.startswith(":"):
        return base64.b64decode(text[1:].strip()).decode(errors="replace")
    return text.removeprefix(" ")
