"""``People`` of one source: its directory proves passwords and says who is in which group.

A password is proved by signing in with it as the entry that was found, never an empty one:
a server says "well" to that without any proof.  Whoever is not there, or is locked here, is
tried as an entry that nobody has, so that all refusals take the same questions.  Persons are
remembered for ``REMEMBERED_MS``; a session is renewed by what the directory says then.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.names import security_group, subject_of
from heliostat.identity.passwords.lockout import unknown_id
from heliostat.identity.passwords.options import LONGEST_PASSWORD, LockoutPolicy
from heliostat.identity.passwords.refusal import refused
from heliostat.identity.sources import lookup, their_rules
from heliostat.identity.sources.entries import Found, FoundGroup, is_name
from heliostat.identity.sources.guessing import NO_RULE, Guesses, TheirRule, stricter
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.messages import Outcome
from heliostat.identity.sources.protocol.results import INVALID_CREDENTIALS
from heliostat.identity.sources.servers import Servers, unavailable
from heliostat.identity.sources.source import Source, key_of

T = TypeVar("T")
REMEMBERED_MS = 5_000
REMEMBERED = 512
RULES_MS = 600_000
_REFUSALS = {INVALID_CREDENTIALS, 19, 32, 34, 48, 50, 53}
"""Answers that are about the person: wrong, barred, or barred by a rule of the directory."""
_log = logging.getLogger(__name__)


class Login(NamedTuple):
    """A name as it was typed: by itself, and with the domain where that stood behind an @."""

    name: str
    principal: str = ""


class Known(NamedTuple):
    """A person and the groups that the directory says."""

    found: Found
    groups: tuple[FoundGroup, ...]


class SourcePeople:
    """Asks one source; lives as long as the source stays as it is."""

    def __init__(self, source: Source, servers: Servers, guesses: Guesses, clock: Clock) -> None:
        self.source = source
        self.servers = servers
        self._guesses = guesses
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[int, Known | None]] = OrderedDict()
        self._rule: tuple[int, TheirRule] = (0, NO_RULE)

    async def authenticate(self, login: Login, password: str, policy: LockoutPolicy) -> Known:
        """Whose password that is.

        Raises ``InvalidLoginCredentials``, ``PasswordExpired``, ``SourceUnavailable`` and
        ``TooManyRequests``.
        """
        if not password or not is_name(login.name) or len(password) > LONGEST_PASSWORD:
            raise refused()
        found = await self.named(login)
        rule = stricter(policy, await self._their_rule())
        counted_as = f"{self.source.id}.{found.id}" if found else unknown_id(login.name)
        async with self._guesses.attempt(counted_as, rule) as attempt:
            dn = found.dn if found is not None and attempt is not None else self._nobody()
            try:
                outcome = await self.servers.prove(dn, password)
            except HeliostatError:
                if attempt is not None:
                    attempt.asked = False
                raise
            if attempt is None or found is None or self._is_refusal(outcome):
                raise refused()
            attempt.right = not found.barred
        if found.barred:
            raise refused()
        known = Known(found, await self._groups(found))
        self._remember(found.id, known)
        return known

    async def person(self, id_: str) -> Known | None:
        """Who has this entry, as of some seconds ago at most; raises ``SourceUnavailable``."""
        kept = self._remembered.get(id_)
        if kept is not None and self._clock.now_ms() < kept[0]:
            self._remembered.move_to_end(id_)
            known = kept[1]
        else:

            async def asked(connection: Connection) -> Known | None:
                now_ms = self._clock.now_ms()
                found = await lookup.person_with_id(connection, self.source, id_, now_ms)
                if found is None:
                    return None
                groups = await lookup.groups_of(connection, self.source, found)
                return Known(found, tuple(groups))

            known = await self._ask(asked)
            self._remember(id_, known)
        return known if known is not None and not known.found.barred else None

    async def named(self, login: Login) -> Found | None:
        """Whose name that is, barred or not; nobody's where it is several people's."""
        if not is_name(login.name):
            return None

        async def asked(connection: Connection) -> list[Found]:
            name, principal, now_ms = login.name, login.principal, self._clock.now_ms()
            return await lookup.people_named(connection, self.source, name, principal, now_ms)

        found = await self._ask(asked)
        # as in Active Directory: with a domain behind it, who says so of himself comes first
        first = [each for each in found if login.principal.casefold() == each.principal != ""]
        chosen = first if len(first) == 1 else found
        return chosen[0] if len(chosen) == 1 else None

    async def group_named(self, name: str) -> FoundGroup | None:
        """Which group has this name; none where several have it."""

        async def asked(connection: Connection) -> list[FoundGroup]:
            return await lookup.groups_named(connection, self.source, name)

        found = await self._ask(asked)
        return found[0] if len(found) == 1 else None

    def spelled(self, known: Known, more: tuple[str, ...] = ()) -> Person:
        """The person as sign-in knows one; ``more`` are groups of ours."""
        source, found = self.source, known.found
        domain = source.domain.upper()
        groups = {security_group(each.name, domain) for each in known.groups}
        if source.kind.names_are_unique:
            groups.add(security_group(found.name, domain))
        return Person(
            key=key_of(found.id, source),
            subject=subject_of(found.name, source.domain),
            stamp=found.stamp,
            groups=tuple(sorted({*groups, *more})),
            given_name=found.given_name,
            family_name=found.family_name,
            email=found.email,
        )

    async def _groups(self, found: Found) -> tuple[FoundGroup, ...]:
        async def asked(connection: Connection) -> list[FoundGroup]:
            return await lookup.groups_of(connection, self.source, found)

        return tuple(await self._ask(asked))

    async def _ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            return await self.servers.ask(question)
        except (Refused, TooMany) as error:
            _log.warning("identity source %s: %s", self.source.domain, error)
            raise unavailable(self.source.domain) from error

    async def _their_rule(self) -> TheirRule:
        until_ms, rule = self._rule
        if not self.source.kind.locks_by_domain or self._clock.now_ms() < until_ms:
            return rule
        rule = await self._ask(lambda connection: their_rules.read(connection, self.source))
        self._rule = (self._clock.now_ms() + RULES_MS, rule)
        return rule

    def _is_refusal(self, outcome: Outcome) -> bool:
        """Raises ``PasswordExpired``, and ``SourceUnavailable`` for what is no answer."""
        if outcome.code == 0:
            return False
        if outcome.code not in _REFUSALS:
            raise unavailable(self.source.domain)
        if their_rules.says_expired(outcome):
            raise PermanentError(
                "PasswordExpired",
                f"The password is right, but has to be changed in {self.source.domain} first.",
                hint="Set a new password where that directory lets people do so.",
            )
        return True

    def _remember(self, id_: str, known: Known | None) -> None:
        self._remembered[id_] = (self._clock.now_ms() + REMEMBERED_MS, known)
        self._remembered.move_to_end(id_)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _nobody(self) -> str:
        return f"cn={secrets.token_hex(8)},{self.source.people_base}"
