"""Who asks over LDAP, and what they may.

Whoever is bound is looked up anew for every request: who was disabled, deleted or moved
away since is nobody from then on, however long the connection lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.directory.records import Computer, User
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.ldap_face.places import Place, place_of
from heliostat.identity.names import ADMINISTRATORS, computer_subject, fold, security_group
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is bound; ``groups`` as ``DOMAIN\\name``."""

    domain: str
    name: str
    subject: str
    groups: frozenset[str] = field(default=frozenset())
    of_system: bool = False

    @property
    def is_administrator(self) -> bool:
        """Of the own domain."""
        own = fold(security_group(ADMINISTRATORS, self.domain))
        return any(fold(group) == own for group in self.groups)

    def may_read(self, domain: str) -> bool:
        """People see their own domain; administrators of the site see all."""
        return fold(domain) == fold(self.domain) or (self.of_system and self.is_administrator)

    def may_write(self, domain: str) -> bool:
        """Administrators write in their own domain; those of the site in all."""
        return self.is_administrator and self.may_read(domain)


async def reads(realms: Realms, bound: str, domain: str, realm: Realm | None) -> bool:
    """Whether who is bound as ``bound`` may read ``domain``, whose realm is ``realm``.

    For the own domain it is enough to be there and not disabled; whether somebody administers
    the site is only looked up for another one, since that asks for all groups.
    """
    place = place_of(bound) if bound else None
    own = place is not None and place.unit and fold(place.domain) == fold(domain)
    if realm is not None and place is not None and own and EntryKind.USER in place.kinds:
        found = await realm.directory.lying_in(EntryKind.USER, place.unit, place.name)
        return isinstance(found, User) and not found.disabled
    caller = await caller_of(realms, bound)
    return caller is not None and caller.may_read(domain)


async def caller_of(realms: Realms, bound: str) -> Caller | None:
    """Who is bound as ``bound``; ``None`` for nobody, and for who may not sign in any more."""
    place = place_of(bound) if bound else None
    realm = await realms.find(place.domain) if place else None
    if place is None or realm is None:
        return None
    name = await computer_at(realm, place)
    if name:
        return Caller(realm.options.domain, name, computer_subject(name, realm.options.domain))
    by_ticket = _by_ticket(place)
    key = place.name if by_ticket else await person_at(realm, place)
    person = await realm.people.person(key) if key else None
    if person is None or (by_ticket and not await _is_enough(realm, person)):
        return None
    return Caller(
        domain=realm.options.domain,
        name=person.key,
        subject=person.subject,
        groups=frozenset(person.groups),
        of_system=realm.is_system,
    )


def _by_ticket(place: Place) -> bool:
    """Whether slapd has made the name from a Kerberos ticket; nobody can bind with a password
    as what lies in no unit."""
    return place.attribute == "uid" and not place.unit


async def _is_enough(realm: Realm, person: Person) -> bool:
    """Whether a password alone signs ``person`` in: more than that a ticket does not prove.

    Who binds by a password has been asked at the bind (``binds``).
    """
    try:
        await realm.refuse_alone(person)
    except HeliostatError as error:
        if error.code != "SecondFactorRequired":
            raise
        return False
    return True


async def computer_at(realm: Realm, place: Place) -> str:
    """The computer that lies there, if it is one and not disabled; else empty."""
    if EntryKind.COMPUTER not in place.kinds:
        return ""
    found = await realm.directory.lying_in(EntryKind.COMPUTER, place.unit, place.name)
    return found.name if isinstance(found, Computer) and not found.disabled else ""


async def person_at(realm: Realm, place: Place) -> str:
    """The key of the person who lies there; empty if nobody does."""
    if EntryKind.USER not in place.kinds:
        return ""
    found = await realm.directory.lying_in(EntryKind.USER, place.unit, place.name)
    return found.name if isinstance(found, User) else ""
