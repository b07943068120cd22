"""Tickets as services see them: what an AP-REQ holds, and opening it with the service's key.

Pure.  MIT's library decides whether a ticket counts (``acceptor``); what is read here besides
says when its owner typed a password, and tells two uses of one ticket apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from heliostat.core.errors import PermanentError
from heliostat.identity.kerberos import der
from heliostat.identity.kerberos.encryption import TYPES
from heliostat.identity.kerberos.keys import Keys
from heliostat.identity.kerberos.messages import Kind, principal_name

TICKET_USE, AUTHENTICATOR_USE = 2, 11
_OID = 0x06
_SPNEGO = bytes.fromhex("2b0601050502")
_KERBEROS = bytes.fromhex("2a864886f712010202")
_AP_REQUEST_TOKEN = b"\x01\x00"


@dataclass(frozen=True, slots=True)
class Sealed:
    """EncryptedData: its type, the number of its key (0: not said), and the text."""

    kind: int
    version: int
    text: bytes


@dataclass(frozen=True, slots=True)
class ApRequest:
    """A ticket for ``service``, and the proof that its bearer has the key inside."""

    realm: str
    service: str
    ticket: Sealed
    authenticator: Sealed
    mutual: bool

    @property
    def fingerprint(self) -> str:
        """Another for every use of a ticket, whatever is wrapped around it."""
        return hashlib.sha256(self.authenticator.text).hexdigest()


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A key of one conversation."""

    kind: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a KDC says in a ticket; ``initial``: given for a password, not for another ticket."""

    client: str
    realm: str
    session: SessionKey
    authenticated_ms: int
    ends_ms: int
    initial: bool


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What the bearer says; ``subkey`` is for what follows, if there is one."""

    client: str
    realm: str
    at_ms: int
    microseconds: int
    subkey: SessionKey | None
    sequence: int | None


def negotiated(token: bytes) -> ApRequest:
    """The AP-REQ in a token of SPNEGO, or of Kerberos alone; raises ``KerberosRefused``."""
    outer = _whole(token, der.APPLICATION)
    oid = outer.only()
    if oid.tag == _OID and oid.content == _SPNEGO:
        offer = der.value(outer.content, oid.end).only().fields()
        return negotiated_by_kerberos(der.need(offer, 2).octets())
    return negotiated_by_kerberos(token)


def negotiated_by_kerberos(token: bytes) -> ApRequest:
    outer = _whole(token, der.APPLICATION)
    oid = outer.only()
    rest = outer.content[oid.end :]
    if oid.tag != _OID or oid.content != _KERBEROS or rest[:2] != _AP_REQUEST_TOKEN:
        raise refused("it is no ticket of Kerberos")
    return ap_request(rest[2:])


def ap_request(raw: bytes) -> ApRequest:
    """Raises ``KerberosRefused``, and ``InvalidEntity`` for what is no DER."""
    fields = _whole(raw, der.APPLICATION + Kind.AP_REQUEST).only().fields()
    ticket = der.need(fields, 3)
    if ticket.tag != der.APPLICATION + 1:
        raise refused("it holds no ticket")
    parts = ticket.only().fields()
    options = der.need(fields, 2).content
    return ApRequest(
        realm=der.need(parts, 1).text(),
        service=principal_name(der.need(parts, 2)),
        ticket=_sealed(der.need(parts, 3)),
        authenticator=_sealed(der.need(fields, 4)),
        mutual=len(options) > 1 and bool(options[1] & 0x20),
    )


def opened(request: ApRequest, versions: Mapping[int, Keys]) -> Ticket:
    """The ticket, by the key that its number names (by any, if none is said)."""
    sealed = request.ticket
    candidates = [versions[sealed.version]] if sealed.version in versions else []
    if not sealed.version:
        candidates = list(versions.values())
    for keys in candidates:
        if sealed.kind in keys:
            raw = TYPES[sealed.kind].decrypt(keys[sealed.kind], TICKET_USE, sealed.text)
            return _ticket(raw)
    raise refused("it was sealed for another key of the service")


def _ticket(raw: bytes) -> Ticket:
    fields = der.value(raw).only().fields()
    flags = der.need(fields, 0).content
    return Ticket(
        client=principal_name(der.need(fields, 3)),
        realm=der.need(fields, 2).text(),
        session=session_key(der.need(fields, 1)),
        authenticated_ms=der.time_ms(der.need(fields, 5)),
        ends_ms=der.time_ms(der.need(fields, 7)),
        initial=len(flags) > 2 and bool(flags[2] & 0x40),
    )


def authenticator(request: ApRequest, session: SessionKey) -> Authenticator:
    """What the bearer of a ticket says, proven by the key in it."""
    sealed = request.authenticator
    kind = TYPES.get(session.kind)
    if kind is None or sealed.kind != session.kind:
        raise refused("its encryption is not accepted")
    fields = der.value(kind.decrypt(session.key, AUTHENTICATOR_USE, sealed.text)).only().fields()
    return Authenticator(
        client=principal_name(der.need(fields, 2)),
        realm=der.need(fields, 1).text(),
        at_ms=der.time_ms(der.need(fields, 5)),
        microseconds=der.need(fields, 4).integer(),
        subkey=session_key(fields[6]) if 6 in fields else None,
        sequence=fields[7].integer() if 7 in fields else None,
    )


def session_key(found: der.Value) -> SessionKey:
    """An EncryptionKey; raises ``KerberosRefused`` for a type that is not accepted."""
    fields = found.fields()
    kind, key = der.need(fields, 0).integer(), der.need(fields, 1).octets()
    if kind not in TYPES or len(key) != 32:
        raise refused("its encryption is not accepted")
    return SessionKey(kind, key)


def refused(why: str) -> PermanentError:
    return PermanentError("KerberosRefused", f"The Kerberos ticket is not accepted: {why}.")


def _sealed(found: der.Value) -> Sealed:
    fields = found.fields()
    version = fields[1].integer() if 1 in fields else 0
    return Sealed(der.need(fields, 0).integer(), version, der.need(fields, 2).octets())


def _whole(raw: bytes, tag: int) -> der.Value:
    found = der.value(raw)
    if found.tag != tag or found.end != len(raw):
        raise refused("it is of another kind")
    return found
