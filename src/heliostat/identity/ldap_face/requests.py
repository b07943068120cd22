"""What becomes of one request of slapd's: who asks, may they, and the answer.

Nothing that a client sends ends in a stack trace of its own making: what can't be read is
a protocol error, what is refused says why, and what fails here is ``other`` and in the log.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.ldap_face import binds, searches
from heliostat.identity.ldap_face.answers import RefusedError, refused_for
from heliostat.identity.ldap_face.callers import caller_of, reads
from heliostat.identity.ldap_face.messages import (
    SEARCH,
    MalformedRequestError,
    Request,
    Verb,
    dn_of,
    parse,
)
from heliostat.identity.ldap_face.places import Place, place_of
from heliostat.identity.ldap_face.replies import Code, result, verdict
from heliostat.identity.ldap_face.telling import SIGN_IN, Tell, Told, nobody
from heliostat.identity.ldap_face.writes import Dismiss, Writes
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms

log = logging.getLogger(__name__)
HELD_BYTES = 64 << 10
"""Of a search's answer that are gathered before they are written."""


class Requests:
    """Answers requests about every tenant; ``anonymous`` lets who is not bound read, too."""

    def __init__(
        self, realms: Realms, dismiss: Dismiss, *, anonymous: bool = False, tell: Tell = nobody
    ) -> None:
        self._realms = realms
        self._anonymous = anonymous
        self._tell = tell
        self._writes = Writes(realms, dismiss)

    async def answer(self, raw: bytes) -> AsyncIterator[bytes]:
        """The answer, a piece at a time."""
        if not raw.startswith(SEARCH):
            # the listener has said no before: whatever goes wrong here, nobody is let in
            yield verdict(*await self._outcome(raw))
            return
        held = bytearray()  # small answers are one write
        try:
            request = parse(raw)
            realm, place = await self._readable(request)
            async for piece in searches.search(realm, place, request):
                held += piece
                if len(held) >= HELD_BYTES:
                    yield bytes(held)
                    held.clear()
            held += result(Code.SUCCESS)
        except Exception as error:
            held += result(*told_for(error))
        yield bytes(held)

    async def _outcome(self, raw: bytes) -> tuple[Code, str]:
        try:
            request = parse(raw)
            done = self._bind if request.verb is Verb.BIND else self._other
            return await done(request), ""
        except Exception as error:
            return told_for(error)

    async def _bind(self, request: Request) -> Code:
        meant = await caller_of(self._realms, dn_of(request))
        subject = meant.subject if meant is not None else ""
        await self._recorded(binds.bind(self._realms, request), request, subject)
        return Code.SUCCESS

    async def _other(self, request: Request) -> Code:
        if request.verb is Verb.COMPARE:
            realm, place = await self._readable(request)
            return await searches.compare(realm, place, request)
        caller = await caller_of(self._realms, request.get("binddn"))
        subject = caller.subject if caller is not None else ""
        await self._recorded(self._writes.carry_out(caller, request), request, subject)
        return Code.SUCCESS

    async def _recorded(self, work: Awaitable[str | None], request: Request, subject: str) -> None:
        """Do it, and tell whoever keeps a record what came of it."""
        address = request.get("peername").removeprefix("IP=").rpartition(":")[0]
        dn = "" if request.verb is Verb.BIND else dn_of(request)
        try:
            done = await work
        except (HeliostatError, RefusedError) as error:
            operation = SIGN_IN if request.verb is Verb.BIND else request.verb.lower()
            await self._tell(Told(operation, subject, address, dn, _as_ours(error)))
            raise
        await self._tell(Told(done or SIGN_IN, subject, address, dn))

    async def _readable(self, request: Request) -> tuple[Realm, Place]:
        """Where a request looks, for who may; nobody else learns what there is."""
        place = place_of(dn_of(request))
        bound = request.get("binddn")
        if not bound and not self._anonymous:
            raise RefusedError(
                Code.INSUFFICIENT_ACCESS, "Bind first: only people of a domain read."
            )
        if place is None:
            raise RefusedError(Code.NO_SUCH_OBJECT)
        realm = await self._realms.find(place.domain)
        if not self._anonymous and not await reads(self._realms, bound, place.domain, realm):
            raise RefusedError(Code.INSUFFICIENT_ACCESS, "Only people of the domain read it.")
        if realm is None:
            raise RefusedError(Code.NO_SUCH_OBJECT)
        return realm, place


def told_for(error: Exception) -> tuple[Code, str]:
    """Code and words for what went wrong; what nobody foresaw is in the log."""
    if isinstance(error, HeliostatError):
        error = refused_for(error)
    if isinstance(error, RefusedError):
        return error.code, error.info
    if isinstance(error, MalformedRequestError):
        return Code.PROTOCOL_ERROR, ""
    log.error("a request of an LDAP client failed", exc_info=error)
    return Code.OTHER, ""


def _as_ours(error: HeliostatError | RefusedError) -> HeliostatError:
    if isinstance(error, HeliostatError):
        return error
    denied = error.code in (Code.INSUFFICIENT_ACCESS, Code.INVALID_CREDENTIALS)
    return PermanentError("AccessForbidden" if denied else "InvalidOperation", error.info)
