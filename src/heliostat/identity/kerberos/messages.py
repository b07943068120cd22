"""What the gate reads of Kerberos messages, and the errors it answers with (RFC 4120).  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from heliostat.identity.kerberos import der

VERSION = 5
MAX_COMPONENTS = 8
_TICKET, _ARMOR = 1, 136
"""Kinds of pre-authentication: a ticket (PA-TGS-REQ), and FAST (RFC 6113)."""


class Kind(IntEnum):
    """Message types."""

    AS_REQUEST = 10
    AS_ANSWER = 11
    TGS_REQUEST = 12
    TGS_ANSWER = 13
    AP_REQUEST = 14
    ERROR = 30


class ErrorCode(IntEnum):
    """The errors that are answered or looked at here (RFC 4120, 7.5.9)."""

    CLIENT_UNKNOWN = 6
    SERVER_UNKNOWN = 7
    CLIENT_REVOKED = 18
    KEY_EXPIRED = 23
    PREAUTHENTICATION_FAILED = 24
    UNAVAILABLE = 29
    BAD_INTEGRITY = 31
    GENERIC = 60
    WRONG_REALM = 68


WRONG_PASSWORD = frozenset({ErrorCode.PREAUTHENTICATION_FAILED, ErrorCode.BAD_INTEGRITY})


@dataclass(frozen=True, slots=True)
class KdcRequest:
    """A request for a ticket: by whom (empty for one by ticket), in which realm, for what.

    ``shown`` is the AP-REQ with the ticket that another one is asked for with; ``armored``:
    who asks for what stands sealed within (FAST), and may be another than is read here.
    """

    kind: Kind
    realm: str
    client: str
    service: str
    has_preauthentication: bool
    shown: bytes = b""
    armored: bool = False


def kdc_request(raw: bytes) -> KdcRequest:
    """Raises ``InvalidEntity`` for what is no AS-REQ or TGS-REQ."""
    outer = der.value(raw)
    kind = outer.tag - der.APPLICATION
    if kind not in (Kind.AS_REQUEST, Kind.TGS_REQUEST) or outer.end != len(raw):
        raise der.broken("it asks for no ticket")
    fields = outer.only().fields()
    body = der.need(fields, 4).fields()
    brought = _brought(fields[3]) if 3 in fields else {}
    return KdcRequest(
        kind=Kind(kind),
        realm=der.need(body, 2).text(),
        client=principal_name(body[1]) if 1 in body else "",
        service=principal_name(body[3]) if 3 in body else "",
        has_preauthentication=3 in fields and bool(fields[3].content),
        shown=brought.get(_TICKET, b"") if kind == Kind.TGS_REQUEST else b"",
        armored=_ARMOR in brought,
    )


def _brought(preauthentication: der.Value) -> dict[int, bytes]:
    """Pre-authentication by its kind; of several the first."""
    found: dict[int, bytes] = {}
    for each in preauthentication.parts():
        fields = each.fields()
        found.setdefault(der.need(fields, 1).integer(), der.need(fields, 2).octets())
    return found


def principal_name(found: der.Value) -> str:
    """``HTTP/host`` of a PrincipalName; a slash within a component makes it nobody's."""
    parts = [each.text() for each in der.need(found.fields(), 1).parts()]
    if not 1 <= len(parts) <= MAX_COMPONENTS or any("/" in part for part in parts):
        raise der.broken("a principal's name is odd")
    return "/".join(parts)


def is_answer(raw: bytes) -> bool:
    """Whether a ticket was given."""
    return raw[:1] == bytes([der.APPLICATION + Kind.AS_ANSWER])


def error_code(raw: bytes) -> int | None:
    """The code of a KRB-ERROR; ``None`` for another message."""
    if raw[:1] != bytes([der.APPLICATION + Kind.ERROR]):
        return None
    return der.need(der.value(raw).only().fields(), 6).integer()


def client_of(raw: bytes) -> str:
    """Whom an AS-REP or a KRB-ERROR is for; empty where that is not said."""
    place = 4 if is_answer(raw) else 8
    named = der.value(raw).only().fields().get(place)
    return principal_name(named) if named is not None else ""


def error(code: ErrorCode, realm: str, service: str, now_ms: int, told: str = "") -> bytes:
    """A KRB-ERROR."""
    fields = [
        (0, der.integer(VERSION)),
        (1, der.integer(Kind.ERROR)),
        (4, der.time(now_ms)),
        (5, der.integer(now_ms % 1000 * 1000)),
        (6, der.integer(code)),
        (9, der.text(realm)),
        (10, encoded_name(service)),
    ]
    if told:
        fields.append((11, der.text(told)))
    return der.tagged(der.APPLICATION + Kind.ERROR, der.sequence(*fields))


def encoded_name(name: str) -> bytes:
    """A PrincipalName."""
    parts = der.sequence_of(map(der.text, name.split("/")))
    return der.sequence((0, der.integer(1)), (1, parts))
