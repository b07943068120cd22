"""Signing in a machine that has no browser: a code to type in elsewhere (RFC 8628).

The machine gets a long secret to poll with and a short code to show.  A person types the code
into a page, signed in, is told which program asks from where, and allows it or not.  A request
is one document, so any controller shows it, decides it and redeems it; it ends after ten
minutes or with its tokens, which come once.  Codes are of consonants only: no words, nothing
that is mistaken for something else, 34 bits; who guesses is stopped after a few (``Guesses``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from heliostat.cloudstore.contract import CloudStore, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.lockout import Lockouts
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.passwords.records import attempts_of
from heliostat.identity.tokens.browsers import SECRET_BYTES, hashed
from heliostat.identity.tokens.pace import Pace
from heliostat.identity.tokens.records import (
    BrowserSession,
    DeviceRequest,
    DeviceState,
    Session,
    TokenKinds,
)

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
CODE_LENGTH = 8
LIFE_S = 600
INTERVAL_S = 5
EARLY_MS = 500
"""What a poll may come too soon: networks are uneven."""
BEGUN_A_SECOND, BEGUN_AT_ONCE = 5.0, 200
GUESSING = LockoutPolicy(failures=10, window_s=600.0, locked_s=600.0)
LONGEST_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Begun:
    """What the machine is told."""

    device_code: str
    user_code: str
    expires_in: int = LIFE_S
    interval: int = INTERVAL_S


@dataclass(frozen=True, slots=True)
class Agreed:
    """A request that somebody has allowed, just redeemed."""

    request: DeviceRequest
    person: Person
    session: Session | None


Opens = Callable[[DeviceRequest], Awaitable[tuple[Person, Session | None]]]
"""Says whom a request is about and what session it opens; raises ``InvalidGrant``."""


class Devices:
    """The requests of one tenant's machines."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        kinds = TokenKinds.of(options.tenant)
        self._kept = kinds.devices
        self._sessions = kinds.sessions
        self._pace = Pace(clock, BEGUN_A_SECOND, BEGUN_AT_ONCE)
        self.guesses = Lockouts(store, attempts_of(options.tenant), clock, GUESSING)

    async def begin(self, client: Client, scope: str, address: str) -> Begun:
        """A request of ``client``; raises ``TooManyRequests`` for a flood of them."""
        if not self._pace.admits():
            raise TemporaryError("TooManyRequests", "Too many machines ask to be signed in.")
        secret, now_ms = self._ids.secret(SECRET_BYTES), self._clock.now_ms()
        while True:
            code = user_code(self._ids.secret(SECRET_BYTES))
            request = DeviceRequest(
                id=hashed(secret),
                user_code=code,
                client=client.name,
                client_made_ms=client.created_ms,
                scope=scope,
                address=address[:LONGEST_ADDRESS],
                asked_ms=now_ms,
                interval_s=INTERVAL_S,
                expires_ms=now_ms + LIFE_S * 1000,
            )
            guards: list[Guard] = [
                self._kept.absent(request.id),
                self._kept.unused("user_code", code),
            ]
            try:
                await self._store.commit(guards, self._kept.put(request))
            except GuardFailed:
                continue  # somebody is shown that code
            return Begun(secret, shown(code))

    async def find(self, typed: str) -> DeviceRequest | None:
        """The request that shows this code and is not decided yet."""
        stored = await self._find(typed)
        return stored.value if stored is not None else None

    async def decide(
        self, typed: str, person: Person, browser: BrowserSession, *, allow: bool
    ) -> DeviceRequest:
        """Allow or refuse a request, once; raises ``InvalidGrant`` if it is there no longer."""

        async def decide() -> Decided[DeviceRequest]:
            stored = await self._find(typed)
            if stored is None:
                raise _refused("nothing asks with it any more")
            decided = msgspec.structs.replace(
                stored.value,
                state=DeviceState.ALLOWED if allow else DeviceState.DENIED,
                user=person.key,
                stamp=person.stamp,
                signed_in_ms=browser.signed_in_ms,
                proofs=browser.proofs,
            )
            guard = self._kept.guard(stored)
            return Decided(decided, [guard], self._kept.put(decided, stored.value))

        return await settle(self._store, decide)

    async def redeem(self, device_code: str, client: Client, opens: Opens) -> Agreed:
        """What a request has come to.

        Raises ``AuthorizationPending`` and ``SlowDown`` while nobody has decided, and
        ``SignInDenied``, ``DeviceCodeExpired`` and ``InvalidGrant`` when nothing comes of it.
        """

        async def decide() -> Decided[Agreed | PermanentError]:
            stored = await self._kept.get(self._store, hashed(device_code)) if device_code else None
            if stored is None or not _is_of(stored.value, client):
                raise _refused("there is none like it")
            request, guard = stored.value, self._kept.guard(stored)
            if self._clock.now_ms() >= request.expires_ms:
                raise PermanentError("DeviceCodeExpired", "Nobody has allowed it in time.")
            if request.state is DeviceState.ASKED:
                after, error = self._polled(request)
                return Decided(error, [guard], self._kept.put(after, request))
            gone = self._kept.delete(request)
            if request.state is DeviceState.DENIED:
                denied = PermanentError("SignInDenied", "Somebody has refused it.")
                return Decided(denied, [guard], gone)
            person, session = await opens(request)
            put = self._sessions.put(session) if session is not None else []
            return Decided(Agreed(request, person, session), [guard], [*gone, *put])

        outcome = await settle(self._store, decide)
        if isinstance(outcome, PermanentError):
            raise outcome
        return outcome

    def _polled(self, request: DeviceRequest) -> tuple[DeviceRequest, PermanentError]:
        """Who asks too soon has to wait five seconds longer from then on (RFC 8628, 3.5)."""
        now_ms = self._clock.now_ms()
        soon = now_ms - request.polled_ms < request.interval_s * 1000 - EARLY_MS
        interval_s = request.interval_s + (INTERVAL_S if soon else 0)
        polled = msgspec.structs.replace(request, polled_ms=now_ms, interval_s=interval_s)
        if soon:
            sentence = f"Ask every {interval_s} seconds and no sooner."
            return polled, PermanentError("SlowDown", sentence)
        return polled, PermanentError("AuthorizationPending", "Nobody has allowed it yet.")

    async def _find(self, typed: str) -> Stored[DeviceRequest] | None:
        code = normal(typed)
        if len(code) != CODE_LENGTH:
            return None
        for stored in await self._kept.by_index(self._store, "user_code", code):
            now = self._clock.now_ms() < stored.value.expires_ms
            if now and stored.value.state is DeviceState.ASKED:
                return stored
        return None


def user_code(secret: str) -> str:
    """A code of what is random in ``secret``; every one is as likely as the others.

    >>> user_code("x")
    'HFLZJMCC'
    """
    number = int.from_bytes(hashlib.sha256(secret.encode()).digest(), "big")
    letters = []
    for _ in range(CODE_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def shown(code: str) -> str:
    """A code as people are shown it."""
    return f"{code[:4]}-{code[4:]}"


def normal(typed: str) -> str:
    """What was typed, as codes are kept; empty for what can't be one."""
    plain = typed[:40] if typed.isascii() else ""
    letters = "".join(each for each in plain.upper() if each.isalnum())
    return letters if set(letters) <= set(ALPHABET) else ""


def _is_of(request: DeviceRequest, client: Client) -> bool:
    return request.client == client.name and request.client_made_ms == client.created_ms


def _refused(why: str) -> PermanentError:
    return PermanentError("InvalidGrant", f"The code is not accepted: {why}.")
