"""Who has let which program in, and for what: asked once, remembered, and taken back.

An answer counts for a person and a client (not for others that were made under their names
later) and the scopes that were shown; a request for more asks again, for what is new.  Taking
an answer back ends what the program has from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sources.router import Everybody
from heliostat.identity.tokens.records import Consent, TokenKinds
from heliostat.identity.tokens.sessions import Sessions


@dataclass(frozen=True, slots=True)
class ConsentView:
    """An answer, as it is told."""

    id: str
    subject: str
    client: str
    scopes: tuple[str, ...]
    given_ms: int

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return f"{self.subject} {self.client}"


class Consents:
    """The answers of one tenant's people."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        options: IdentityOptions,
        sessions: Sessions,
        people: Everybody,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._sessions = sessions
        kinds = TokenKinds.of(options.tenant)
        self._kept = kinds.consents
        self._opened = kinds.sessions
        self._codes = kinds.codes

    async def agreed(self, person: Person, client: Client) -> tuple[str, ...]:
        """The scopes that the person lets the client have."""
        stored = await self._kept.get(self._store, _id(person.key, client.name))
        if stored is None:
            return ()
        consent = stored.value
        same = consent.client_made_ms == client.created_ms
        same &= consent.user_made_ms in (0, person.made_ms)
        return consent.scopes if same else ()

    async def give(self, person: Person, client: Client, scopes: Sequence[str]) -> None:
        """Remember that the person agreed to ``scopes``, besides what there was."""

        async def decide() -> Decided[None]:
            stored = await self._kept.get(self._store, _id(person.key, client.name))
            before = await self.agreed(person, client)
            consent = Consent(
                id=_id(person.key, client.name),
                user=person.key,
                client=client.name,
                client_made_ms=client.created_ms,
                scopes=tuple(dict.fromkeys([*before, *scopes])),
                given_ms=self._clock.now_ms(),
                user_made_ms=person.made_ms,
            )
            guard = self._kept.guard(stored) if stored else self._kept.absent(consent.id)
            changes = self._kept.put(consent, stored.value if stored else None)
            return Decided(None, [guard], changes)

        await settle(self._store, decide)

    async def list_consents(self, user: str = "") -> Sequence[ConsentView]:
        """The answers of everybody, or of ``user`` in any spelling."""
        if user:
            key = await self._people.key_of(user)
            found = await self._kept.by_index(self._store, "user", key)
        else:
            found = await self._kept.all(self._store)
        views = [await self._view(each.value) for each in found]
        return sorted(views, key=lambda each: each.name)

    async def get_consent(self, id_: str) -> ConsentView:
        """Raises ``ConsentNotFound``."""
        return await self._view((await self._stored(id_)).value)

    async def withdraw(self, id_: str, *, plan: bool = False) -> ConsentView:
        """Take an answer back; the program's sessions of that person end.

        They end before, so that who is killed between can ask for it again, and after, for
        those that were just being opened.  Raises ``ConsentNotFound``.
        """
        stored = await self._stored(id_)
        consent = stored.value
        if not plan:
            await self._end(consent)
            await self._store.commit([], self._kept.delete(consent))
            await self._end(consent)
        return await self._view(consent)

    async def _end(self, consent: Consent) -> None:
        """End what the client has of the person: codes that wait to be redeemed, sessions."""
        async for code in self._codes.each(self._store):
            mine = (code.value.user, code.value.client) == (consent.user, consent.client)
            if mine and not code.value.spent:
                with suppress(GuardFailed):  # just redeemed: its session ends below
                    gone = self._codes.delete(code.value)
                    await self._store.commit([self._codes.guard(code)], gone)
        for each in await self._opened.by_index(self._store, "user", consent.user):
            if each.value.client == consent.client:
                await self._sessions.end(each.value)

    async def _stored(self, id_: str) -> Stored[Consent]:
        known = id_.isascii() and id_.isalnum() and len(id_) <= 64
        stored = await self._kept.get(self._store, id_) if known else None
        if stored is None:
            raise PermanentError("ConsentNotFound", f"Nobody has agreed to {id_[:80]!r}.")
        return stored

    async def _view(self, consent: Consent) -> ConsentView:
        subject = await self._people.called(consent.user)
        return ConsentView(consent.id, subject, consent.client, consent.scopes, consent.given_ms)


def _id(user: str, client: str) -> str:
    return hashlib.sha256(f"{user}\n{client}".encode()).hexdigest()[:32]
