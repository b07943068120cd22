"""Changing a password with MIT's kpasswd (RFC 3244): the same function as everywhere else.

The message is opened here, with the key of ``kadmin/changepw`` that the KDC has from us: no
kadmind has a hand in it, so a password that is changed this way passes the tenant's rules and
is set for tokens, LDAP and Kerberos in one commit.
"""

from __future__ import annotations

import logging
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.kerberos import der, messages, tickets
from heliostat.identity.kerberos.encryption import TYPES
from heliostat.identity.kerberos.gate import PASSWORD_SERVICE, Refusal
from heliostat.identity.kerberos.messages import ErrorCode, principal_name
from heliostat.identity.kerberos.people import Standing
from heliostat.identity.kerberos.serving import KerberosServer
from heliostat.identity.kerberos.tickets import ApRequest, Authenticator, SessionKey, Ticket
from heliostat.identity.kerberos.told import Act, Attempt
from heliostat.identity.names import subject_of
from heliostat.identity.realm import Realm
from heliostat.identity.tokens.records import SpentAssertion, TokenKinds

SKEW_MS = 300_000
OWN, SET = 0x0001, 0xFF80
_AP_ANSWER, _PRIVATE = 15, 21
_AP_ANSWER_PART, _PRIVATE_PART = 27, 28
_ANSWER_USE, _PRIVATE_USE = 12, 13
_SEQUENCE = 0x2_0000
log = logging.getLogger(__name__)


class Result(IntEnum):
    """What kpasswd is told."""

    SUCCESS = 0
    MALFORMED = 1
    HARD_ERROR = 2
    AUTHENTICATION = 3
    REFUSED = 4
    ACCESS_DENIED = 5
    INITIAL_NEEDED = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender is proven."""

    realm: Realm
    ticket: Ticket
    said: Authenticator
    password: str
    target: str

    @property
    def key(self) -> SessionKey:
        return self.said.subkey or self.ticket.session


class PasswordPort:
    """Answers kpasswd; ``answer`` is given to a port of ``KerberosServer``."""

    def __init__(self, store: CloudStore, clock: Clock, server: KerberosServer) -> None:
        self._store = store
        self._clock = clock
        self._server = server

    async def answer(self, raw: bytes, address: str) -> bytes | None:
        """What kpasswd gets; ``None`` for what nobody has proven anything with."""
        try:
            asked = await self._opened(raw)
        except (HeliostatError, Refusal) as error:
            log.info("a change of a password from %s was not read: %s", address, error)
            refused = isinstance(error, HeliostatError) and error.code == "KerberosRefused"
            return self._error(str(error)) if refused else None
        try:
            result, told = await self._changed(asked)
            code = "" if result is Result.SUCCESS else "AccessForbidden"
        except HeliostatError as error:
            refused = error.code == "WeakPassword"
            result = Result.REFUSED if refused else Result.HARD_ERROR
            told, code = error.message, error.code
        subject = subject_of(asked.ticket.client, asked.realm.options.domain)
        await self._server.tell(Attempt(Act.CHANGE_PASSWORD, subject, code, address))
        return self._answered(asked, result, told, address)

    def _error(self, told: str) -> bytes:
        """For whose ticket is not accepted: there is no key that an answer could be sealed with."""
        now_ms = self._clock.now_ms()
        return messages.error(ErrorCode.GENERIC, "", PASSWORD_SERVICE, now_ms, told)

    async def _opened(self, raw: bytes) -> Asked:
        """Raises ``KerberosRefused``, ``InvalidEntity`` and ``Refusal``."""
        if len(raw) < 6:
            raise der.broken("it ends early")
        size, version, length = struct.unpack(">HHH", raw[:6])
        if size != len(raw) or version not in (OWN, SET):
            raise der.broken("it is no change of a password")
        request = tickets.ap_request(raw[6 : 6 + length])
        served, realm = await self._server.served(request.realm)
        if request.service != PASSWORD_SERVICE:
            raise tickets.refused("it is for another service")
        keys = realm.kerberos.opened(served.document.password_service, PASSWORD_SERVICE)
        ticket = tickets.opened(request, {1: keys})
        said = tickets.authenticator(request, ticket.session)
        self._check(ticket, said)
        await self._refuse_again(realm, request)
        key = said.subkey or ticket.session
        password, target = _private(raw[6 + length :], key, version)
        return Asked(realm, ticket, said, password, target)

    def _check(self, ticket: Ticket, said: Authenticator) -> None:
        now_ms = self._clock.now_ms()
        if (said.client, said.realm) != (ticket.client, ticket.realm):
            raise tickets.refused("its bearer is another")
        if abs(now_ms - said.at_ms) > SKEW_MS or now_ms > ticket.ends_ms + SKEW_MS:
            raise tickets.refused("it has expired, or the clocks differ")

    async def _refuse_again(self, realm: Realm, request: ApRequest) -> None:
        kind = TokenKinds.of(realm.options.tenant).spent_assertions
        expires_ms = self._clock.now_ms() + 2 * SKEW_MS
        shown = SpentAssertion(id=f"ticket.{request.fingerprint}", expires_ms=expires_ms)
        try:
            await self._store.commit([kind.absent(shown.id)], kind.put(shown))
        except GuardFailed as error:
            raise tickets.refused("it was shown before") from error

    async def _changed(self, asked: Asked) -> tuple[Result, str]:
        ticket = asked.ticket
        if not ticket.initial:
            return Result.INITIAL_NEEDED, "Show a ticket that was given for the password."
        if "/" in ticket.client or asked.target not in ("", ticket.client):
            return Result.ACCESS_DENIED, "Change your own password; administrators use helio."
        directory = asked.realm.directory
        known = await directory.kerberos_person(ticket.client)
        if known is None or ticket.authenticated_ms < known.password_set_ms // 1000 * 1000:
            return Result.AUTHENTICATION, "The password has been changed since."
        if known.standing is Standing.REVOKED:
            return Result.AUTHENTICATION, "The account is disabled."
        await directory.replace_password(ticket.client, asked.password)
        return Result.SUCCESS, "The password is changed, for every way to sign in."

    def _answered(self, asked: Asked, result: Result, told: str, address: str) -> bytes:
        session, said, now_ms = asked.ticket.session, asked.said, self._clock.now_ms()
        part = der.sequence(
            (0, der.time(said.at_ms)),
            (1, der.integer(said.microseconds)),
            (3, der.integer(_SEQUENCE)),
        )
        proof = der.sequence(
            (0, der.integer(5)),
            (1, der.integer(_AP_ANSWER)),
            (2, _sealed(session, _ANSWER_USE, der.tagged(der.APPLICATION + _AP_ANSWER_PART, part))),
        )
        body = der.sequence(
            (0, der.octets(struct.pack(">H", result) + told.encode())),
            (1, der.time(now_ms)),
            (2, der.integer(now_ms % 1000 * 1000)),
            (3, der.integer(_SEQUENCE)),
            (4, _address(address)),
        )
        private = der.sequence(
            (0, der.integer(5)),
            (1, der.integer(_PRIVATE)),
            (
                3,
                _sealed(asked.key, _PRIVATE_USE, der.tagged(der.APPLICATION + _PRIVATE_PART, body)),
            ),
        )
        proven = der.tagged(der.APPLICATION + _AP_ANSWER, proof)
        rest = proven + der.tagged(der.APPLICATION + _PRIVATE, private)
        return struct.pack(">HHH", 6 + len(rest), OWN, len(proven)) + rest


def _private(raw: bytes, key: SessionKey, version: int) -> tuple[str, str]:
    """The new password, and whose it is to be if that is said; raises ``KerberosRefused``."""
    outer = der.value(raw)
    if outer.tag != der.APPLICATION + _PRIVATE or outer.end != len(raw):
        raise der.broken("it holds no password")
    sealed = der.need(der.need(outer.only().fields(), 3).fields(), 2)
    plain = TYPES[key.kind].decrypt(key.key, _PRIVATE_USE, sealed.octets())
    data = der.need(der.value(plain).only().fields(), 0).octets()
    target = ""
    if version == SET:
        fields = der.value(data).fields()
        data = der.need(fields, 0).octets()
        target = principal_name(fields[1]) if 1 in fields else ""
    try:
        return data.decode(), target
    except UnicodeDecodeError as error:
        raise PermanentError("WeakPassword", "The password is no text.") from error


def _sealed(key: SessionKey, use: int, plain: bytes) -> bytes:
    """EncryptedData."""
    text = TYPES[key.kind].encrypt(key.key, use, plain)
    return der.sequence((0, der.integer(key.kind)), (2, der.octets(text)))


def _address(towards: str) -> bytes:
    """Our own address as the other side sees it: the one from which it is reached."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))  # sends nothing
            own = probe.getsockname()[0]
        except OSError:
            own = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    kind = 24 if family == socket.AF_INET6 else 2
    return der.sequence((0, der.integer(kind)), (1, der.octets(socket.inet_pton(family, own))))
