"""``People`` of a tenant: its own directory's, and those of its sources, by the domain in a name.

Keys of outsiders are ``<entry id>@<domain>``; keys of the directory's own people have no
domain.  A name without a domain belongs to the source that is the default, if there is one.
"""

from __future__ import annotations

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.contract.people import Account, Person
from heliostat.identity.names import bare_name, fold, subject_of
from heliostat.identity.options import IdentityOptions
from heliostat.identity.sources.outsiders import Members
from heliostat.identity.sources.people import Known, Login, SourcePeople
from heliostat.identity.sources.seen import SeenPeople
from heliostat.identity.sources.sources import Sources
from heliostat.identity.sources.spelling import spelled

LONGEST = 512
"""Characters of a name with its domain."""


class Everybody:
    """Whoever may sign in to a tenant; ``own`` is its directory."""

    def __init__(
        self,
        own: Directory,
        sources: Sources,
        members: Members,
        seen: SeenPeople,
        options: IdentityOptions,
    ) -> None:
        self._own = own
        self._sources = sources
        self._members = members
        self._seen = seen
        self._options = options

    async def authenticate(self, username: str, password: str) -> Person:
        """See ``People.authenticate``; raises ``SourceUnavailable`` and ``PasswordExpired`` too."""
        people, login = await self._whose(username)
        if people is None:
            return await self._own.authenticate(username, password)
        known = await people.authenticate(login, password, self._options.lockout)
        person = await self._person(people, known)
        await self._seen.note(person)
        return person

    async def person(self, key: str) -> Person | None:
        """See ``People.person``; raises ``SourceUnavailable`` where nobody can tell now."""
        id_, _, domain = key.rpartition("@")
        if not id_:
            return await self._own.person(key)
        people = await self._sources.spelled(domain)
        if people is None or fold(people.source.domain) != fold(domain):
            return None
        known = await people.person(id_)
        return await self._person(people, known) if known is not None else None

    async def account(self, name: str) -> Account:
        """See ``People.account``: programs are the directory's own."""
        return await self._own.account(name)

    async def named(self, username: str) -> Person | None:
        """Whose subject or other name that is, if he may sign in: for who is proven otherwise.

        Raises ``SourceUnavailable``.
        """
        people, login = await self._whose(username)
        if people is None:
            try:
                key = (await self._own.get_user(username)).name
            except PermanentError:
                return None
            return await self._own.person(fold(key))
        subject = subject_of(fold(login.name), people.source.domain)
        key = await self._seen.key(subject)
        person = await self.person(key) if key else None
        if person is not None and person.subject == subject:
            return person  # whoever was here is found without asking for the name
        found = await people.named(Login(login.name))
        known = await people.person(found.id) if found is not None else None
        return await self._person(people, known) if known is not None else None

    async def subject(self, username: str) -> str:
        """Whom a name means that somebody typed, barred or not; empty for nobody here."""
        people, login = await self._whose(username)
        try:
            if people is None:
                return (await self._own.get_user(username)).subject
            found = await people.named(login)
        except HeliostatError:
            return ""  # nobody can tell now
        return subject_of(found.name, people.source.domain) if found is not None else ""

    async def called(self, key: str) -> str:
        """The subject behind a key, as it was at the last sign-in; asks no source."""
        if "@" in key:
            return await self._seen.subject(key)
        return subject_of(key, self._options.domain)

    async def key_of(self, username: str) -> str:
        """The key of whom a name means, who may be gone; asks no source.  Empty: nobody."""
        people, login = await self._whose(username)
        if people is not None:
            return await self._seen.key(subject_of(fold(login.name), people.source.domain))
        bare = bare_name(username, self._options.domain)
        return fold(bare) if bare is not None else ""

    async def _whose(self, username: str) -> tuple[SourcePeople | None, Login]:
        """The source whose person that would be; ``None`` for the directory's own."""
        name = spelled(username)
        if len(username) > LONGEST:
            return None, Login(name.bare)
        if not name.domain:
            people = await self._sources.default() if name.bare == username else None
            return people, Login(name.bare)
        return await self._sources.spelled(name.domain), Login(
            name.bare, username if name.is_principal else ""
        )

    async def _person(self, people: SourcePeople, known: Known) -> Person:
        return people.spelled(known, await self._members.groups_of(people.source, known))
