"""What somebody may see and change of the own account; nothing of anybody else's."""

from __future__ import annotations

from heliostat.core.errors import PermanentError
from heliostat.identity.account.pages import Account, Row, when
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.tokens.records import BrowserSession


class OwnAccount:
    """One person's."""

    def __init__(self, realm: Realm, person: Person) -> None:
        self._realm = realm
        self._person = person

    async def shown(self, browser: BrowserSession) -> Account:
        """All of it, as seen from ``browser``."""
        realm, person = self._realm, self._person
        sessions = await realm.signed_in.list_sessions(person.subject)
        consents = await realm.consents.list_consents(person.subject)
        return Account(
            subject=person.subject,
            domain=realm.options.domain,
            has_password=await self._has_password(),
            factors=await realm.factors.views(person.key),
            sessions=[
                Row(each.id, (_what(each.client, each.id == browser.id), when(each.begun_ms)))
                for each in sessions
            ],
            consents=[Row(each.id, (each.client, ", ".join(each.scopes))) for each in consents],
        )

    async def set_password(self, old: str, new: str) -> None:
        """The page has asked for all that the person has.

        Raises ``InvalidLoginCredentials``, ``WeakPassword``, ``TooManyRequests``.
        """
        await self._realm.directory.change_password(self._person.key, old, new, more_shown=True)

    async def remove_factor(self, id_: str) -> None:
        """Raises ``FactorNotFound``."""
        await self._realm.factors.remove(self._person.key, id_)

    async def new_codes(self) -> tuple[str, ...]:
        """Raises ``FactorNotFound``."""
        return await self._realm.factors.recovery.renew(self._person.key)

    async def end_session(self, id_: str) -> None:
        """Raises ``SessionNotFound``, for somebody else's too."""
        signed_in = self._realm.signed_in
        mine = {each.id for each in await signed_in.list_sessions(self._person.subject)}
        if id_ not in mine:
            raise PermanentError("SessionNotFound", "There is no such session of yours.")
        await signed_in.end_session(id_)

    async def withdraw(self, id_: str) -> None:
        """Raises ``ConsentNotFound``, for somebody else's too."""
        consents = self._realm.consents
        mine = {each.id for each in await consents.list_consents(self._person.subject)}
        if id_ not in mine:
            raise PermanentError("ConsentNotFound", "You have not let that program in.")
        await consents.withdraw(id_)

    async def _has_password(self) -> bool:
        """Not who is of a directory elsewhere, or signs in with another provider."""
        realm, key = self._realm, self._person.key
        return "@" not in key and not await realm.providers.is_linked(key)


def _what(client: str, here: bool) -> str:
    return "This browser" if here else client or "A browser"
