"""``external``: a directory elsewhere, read as every other is, and never written to.

It is an identity source as administrators look at it: people, groups, units and computers as
the directory has them now, in our words, by the source's attributes and filters.  Questions
go by connections and slots of their own, so that whoever looks through a directory keeps nobody
from signing in.  Nothing is copied; each answer is bounded in entries, bytes and time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.people import Account, Person
from heliostat.identity.directory.filters import EVERYTHING, Equal
from heliostat.identity.directory.search import EntryKind, Found, Query
from heliostat.identity.directory.text_search import TextSearch
from heliostat.identity.directory.views import (
    AccountView,
    ComputerView,
    GroupView,
    Paged,
    UnitView,
    UserView,
)
from heliostat.identity.external.group_members import members_of
from heliostat.identity.external.places import at_path
from heliostat.identity.external.read_only import ReadOnly
from heliostat.identity.external.reading import Reading
from heliostat.identity.external.views import (
    Held,
    computer_view,
    entry_of,
    group_view,
    spelled_group,
    unit_view,
    user_view,
)
from heliostat.identity.names import fold
from heliostat.identity.passwords.options import LockoutPolicy
from heliostat.identity.sources.people import Login, SourcePeople
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.results import NO_SUCH_OBJECT
from heliostat.identity.sources.servers import Servers, unavailable
from heliostat.identity.sources.source import Source
from heliostat.identity.sources.spelling import spelled

T = TypeVar("T")
AT_ONCE = 2
"""Questions of administrators to one source at the same time."""
_LIMITS = (3, 4, 11)
"""Result codes of servers that have had enough of a search."""


class External(ReadOnly, TextSearch):
    """A ``Directory`` of one source; lives as long as the source stays as it is."""

    def __init__(
        self,
        source: Source,
        servers: Servers,
        people: SourcePeople,
        lockout: LockoutPolicy,
        clock: Clock,
    ) -> None:
        self.source = source
        self.servers = servers
        self._people = people
        self._lockout = lockout
        self._reading = Reading(source, clock)

    async def search(self, query: Query) -> Found:
        """See ``Searching.search``; raises ``TooManyEntries`` and ``SourceUnavailable``, too."""
        query.start  # noqa: B018 - a cursor of nowhere is refused before anybody is asked
        with_groups = query.attributes is not None and "memberof" in query.attributes
        page = await self._ask(lambda by: self._reading.page(by, query, with_groups))
        entries = (entry_of(held, at, query.attributes) for at, held in page.found)
        return Found(tuple(entries), page.after)

    async def get_user(self, name: str) -> UserView:
        """With the effective groups; raises ``UserNotFound``, ``TooManyGroups``."""
        held = await self._one(EntryKind.USER, name, with_groups=True)
        if held is None:
            raise self._nobody("UserNotFound", "person", name)
        return user_view(held, self.source)

    async def page_users(self, *, limit: int, after: str = "", name: str = "") -> Paged[UserView]:
        """See ``UserReading.page_users``; without groups."""
        found, more = await self._page(EntryKind.USER, limit, after, name)
        return Paged([user_view(each, self.source) for each in found], more)

    async def get_group(self, name: str) -> GroupView:
        """With its members; raises ``GroupNotFound``, ``TooManyEntries``."""
        held = await self._one(EntryKind.GROUP, name)
        if held is None:
            raise self._nobody("GroupNotFound", "group", name)
        dn = held.told.dn
        members = await self._ask(lambda by: members_of(by, self.source, dn))
        return group_view(held, self.source, members)

    async def page_groups(self, *, limit: int, after: str = "", name: str = "") -> Paged[GroupView]:
        """See ``GroupReading.page_groups``; without members."""
        found, more = await self._page(EntryKind.GROUP, limit, after, name)
        return Paged([group_view(each, self.source) for each in found], more)

    async def effective_groups(self, subject: str) -> frozenset[str]:
        """See ``GroupVerbs.effective_groups``."""
        for kind in (EntryKind.USER, EntryKind.GROUP):
            held = await self._one(kind, subject, with_groups=True)
            if held is not None:
                own = spelled_group(held.told.name, self.source)
                return frozenset({own, *(spelled_group(g.name, self.source) for g in held.groups)})
        return frozenset()

    async def get_unit(self, path: str) -> UnitView:
        """Raises ``UnitNotFound``."""
        found = at_path(await self._ask(self._reading.units), path)
        return unit_view(found.path, found.entry)

    async def list_units(self) -> Sequence[UnitView]:
        """See ``UnitReading.list_units``; raises ``TooManyEntries``."""
        found = await self._ask(self._reading.units)
        return [unit_view(each.path, each.entry) for each in found]

    async def get_computer(self, name: str) -> ComputerView:
        """Raises ``ComputerNotFound``."""
        held = await self._one(EntryKind.COMPUTER, name)
        if held is None:
            raise self._nobody("ComputerNotFound", "computer", name)
        return computer_view(held)

    async def page_computers(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[ComputerView]:
        """See ``ComputerReading.page_computers``."""
        found, more = await self._page(EntryKind.COMPUTER, limit, after, name)
        return Paged([computer_view(each) for each in found], more)

    async def computer_with(self, certificate_sha256: str) -> ComputerView | None:
        """Nobody's: certificates of machines elsewhere are not ours to know."""
        del certificate_sha256
        return None

    async def authenticate(self, username: str, password: str) -> Person:
        """See ``People.authenticate``; raises ``SourceUnavailable``, ``PasswordExpired``, too."""
        bare = self._bare(username)
        principal = username if spelled(username).is_principal else ""
        login = Login(bare or "", principal)
        return self._people.spelled(await self._people.authenticate(login, password, self._lockout))

    async def person(self, key: str) -> Person | None:
        """See ``People.person``."""
        id_, _, domain = key.rpartition("@")
        if not id_ or fold(domain) != fold(self.source.domain):
            return None
        known = await self._people.person(id_)
        return self._people.spelled(known) if known is not None else None

    async def account(self, name: str) -> Account:
        """Programs are a directory's own: raises ``ServiceAccountNotFound``."""
        raise self._nobody("ServiceAccountNotFound", "service account", name)

    async def get_service_account(self, name: str) -> AccountView:
        """As ``account``."""
        raise self._nobody("ServiceAccountNotFound", "service account", name)

    async def list_service_accounts(self) -> Sequence[AccountView]:
        """None."""
        return ()

    async def _page(
        self, kind: EntryKind, limit: int, after: str, name: str
    ) -> tuple[list[Held], str]:
        bare = self._bare(name) if name else ""
        if bare is None:
            return [], ""
        attribute = "uid" if kind is EntryKind.USER else "cn"
        query = Query(
            Equal(attribute, bare) if bare else EVERYTHING,
            kinds=frozenset({kind}),
            limit=limit,
            after=f"{kind.rank}:{after}" if after else "",
        )
        page = await self._ask(lambda by: self._reading.page(by, query))
        return [held for _, held in page.found], page.after.partition(":")[2]

    async def _one(self, kind: EntryKind, name: str, *, with_groups: bool = False) -> Held | None:
        bare = self._bare(name)
        if not bare:
            return None
        return await self._ask(lambda by: self._reading.one(by, kind, bare, with_groups))

    def _bare(self, name: str) -> str | None:
        """A name without the source's domain; ``None`` where it says another's."""
        told = spelled(name)
        if told.domain and fold(told.domain) not in self.source.spellings:
            return None
        return told.bare

    async def _ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Raises ``TooManyEntries``, and ``SourceUnavailable`` with the reason."""
        try:
            return await self.servers.ask(question)
        except TooMany as error:
            raise self._too_many(str(error)) from error
        except Refused as error:
            if error.outcome.code in _LIMITS:
                raise self._too_many(str(error)) from error
            raise unavailable(self.source.domain, _why(error)) from error
        except HeliostatError as error:
            if error.code != "SourceUnavailable":
                raise
            why = next((each.sentence for each in self.servers.states()), "")
            raise unavailable(self.source.domain, why) from error

    def _too_many(self, why: str) -> PermanentError:
        return PermanentError(
            "TooManyEntries", f"{self.source.domain} has too much for one answer: {why}."
        )

    def _nobody(self, code: str, what: str, name: str) -> PermanentError:
        return PermanentError(code, f"{self.source.domain} has no one {what} named {name[:80]!r}.")


def _why(error: Refused) -> str:
    if error.outcome.code == NO_SUCH_OBJECT:
        return "there is no entry where its people or groups are looked for"
    return str(error)
