"""Delivers notices of sessions that have ended to programs, until they have been heard.

Each controller runs one of these.  A notice is claimed by moving the time of its next try into
the future (one commit with a guard), so two controllers don't tell the same twice at once; who
is killed after claiming leaves it to the next try.  A try is a POST with a signed token, bounded
in time, number at once and what is read; it follows no redirects, and goes where the site's
``Gate`` lets it.  Each program has a line of its own, and as long for it as one try may take, so
that one that is away keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import aiohttp
import msgspec

from heliostat.cloudstore.contract import CloudStore, Compacted, GuardFailed
from heliostat.cloudstore.documents import Stored, walk
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Client
from heliostat.identity.reach.gate import Gate
from heliostat.identity.reach.web import connector, out_of_reach
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.claims import new_jti
from heliostat.identity.tokens.records import Departure, TokenKinds

log = logging.getLogger(__name__)

PREFIX = "/v1/logout-notice/"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
AT_ONCE = 8
TRY_S = 10.0
TOKEN_S = 120
HEARD = (200, 204)
BACKOFF_S = (15, 60, 120, 600, 1800, 3600)
"""Between one try and the next, each longer than a try; the last until the notice ends."""
LONGEST_WAIT_S = 60.0
LINE = 50
"""Notices for one program that are looked at in one go."""


class Departing:
    """Tells programs; ``trust`` says which certificates they may show."""

    def __init__(
        self, realms: Realms, store: CloudStore, clock: Clock, ids: Ids, trust: ssl.SSLContext
    ) -> None:
        self._realms = realms
        self._store = store
        self._clock = clock
        self._ids = ids
        self._trust = trust
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                self._news.clear()
                wait_s = await self.deliver()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
                except TimeoutError:
                    continue

    async def deliver(self) -> float:
        """Try whatever is due; gives in how many seconds the next may be."""
        now_ms = self._clock.now_ms()
        soonest_ms = now_ms + int(LONGEST_WAIT_S * 1000)
        lines: dict[tuple[str, str], list[Stored[Departure]]] = {}
        async for document in walk(self._store, PREFIX):
            tenant = document.key.removeprefix(PREFIX).partition("/")[0]
            stored = TokenKinds.of(tenant).departures.read(document)
            soonest_ms = min(soonest_ms, stored.value.due_ms)
            if stored.value.due_ms <= now_ms:
                line = lines.setdefault((tenant, stored.value.client), [])
                if len(line) < LINE:
                    line.append(stored)
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for (tenant, _), line in lines.items():
                group.create_task(self._in_turn(gate, tenant, line))
        return 0.0 if lines else max(0.05, (soonest_ms - now_ms) / 1000)

    async def _listen(self) -> None:
        while True:
            revision = await self._store.revision()
            self._news.set()
            try:
                async for event in self._store.watch(PREFIX, revision):
                    if event.value is not None:
                        self._news.set()
            except Compacted:
                continue

    async def _in_turn(
        self, gate: asyncio.Semaphore, tenant: str, line: list[Stored[Departure]]
    ) -> None:
        """Try one program's notices until its time is over; the rest stays due."""
        async with gate:
            until_s = self._clock.monotonic_s() + TRY_S
            for stored in line:
                await self._try(tenant, stored)
                if self._clock.monotonic_s() >= until_s:
                    return

    async def _try(self, tenant: str, stored: Stored[Departure]) -> None:
        claimed = await self._claim(tenant, stored)
        if claimed is None:
            return
        why = await self._tell(claimed)
        over = why is not None and self._clock.now_ms() >= claimed.expires_ms
        if why is None or over:
            await self._store.commit([], TokenKinds.of(tenant).departures.delete(claimed))
        if why is not None:
            log.log(
                logging.WARNING if over else logging.INFO,
                "%s of %s could not be told of a sign-out (try %d%s): %s",
                claimed.client,
                claimed.domain,
                claimed.tries,
                ", the last" if over else "",
                why,
            )

    async def _claim(self, tenant: str, stored: Stored[Departure]) -> Departure | None:
        """The notice, once nobody else tries it; its next try is what failing would mean."""
        departure, kind = stored.value, TokenKinds.of(tenant).departures
        backoff_s = BACKOFF_S[min(departure.tries, len(BACKOFF_S) - 1)]
        due_ms = self._clock.now_ms() + backoff_s * 1000
        claimed = msgspec.structs.replace(departure, tries=departure.tries + 1, due_ms=due_ms)
        try:
            await self._store.commit([kind.guard(stored)], kind.put(claimed, departure))
        except GuardFailed:
            return None
        return claimed

    async def _tell(self, departure: Departure) -> str | None:
        """Why it could not be told; ``None`` once it is, or there is nobody to tell."""
        realm = await self._realms.find(departure.domain)
        client = await _client(realm, departure) if realm is not None else None
        if realm is None or client is None:
            return None
        uri = client.backchannel_logout_uri
        form = {"logout_token": await self._token(realm, client, departure)}
        try:
            async with (
                self._session(realm) as http,
                http.post(uri, data=form, allow_redirects=False) as answer,
            ):
                return None if answer.status in HEARD else f"it answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            far = out_of_reach(error)
            return far.sentence if far is not None else str(error) or type(error).__name__

    def _session(self, realm: Realm) -> aiohttp.ClientSession:
        """One for a single request: there are few, to many places."""
        return aiohttp.ClientSession(
            connector=connector(Gate(realm.options.reach), self._trust),
            timeout=aiohttp.ClientTimeout(total=TRY_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _token(self, realm: Realm, client: Client, departure: Departure) -> str:
        key = await realm.keys.signer(client.algorithm)
        now_s = self._clock.now_ms() // 1000
        claims: dict[str, Any] = {
            "iss": realm.options.issuer,
            "aud": client.name,
            "iat": now_s,
            "exp": now_s + TOKEN_S,
            "jti": new_jti(self._ids),
            "events": {EVENT: {}},
            "sid": departure.session,
        }
        try:
            person = await realm.people.person(departure.user)
        except HeliostatError:
            person = None  # the session alone tells enough
        if person is not None:
            claims["sub"] = person.subject
        header = {"alg": key.algorithm.value, "kid": key.kid, "typ": "logout+jwt"}
        return jose.signed(jose.segment(header), claims, key.private)


async def _client(realm: Realm, departure: Departure) -> Client | None:
    """The client as of now, if it still wants to be told."""
    directory = realm.directory
    stored = await directory.kinds.clients.get(directory.store, departure.client)
    wants = stored is not None and stored.value.backchannel_logout_uri
    return stored.value if stored is not None and wants else None
