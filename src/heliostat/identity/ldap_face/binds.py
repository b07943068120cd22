"""Binding: the same password, lockout, second factors and bound on hashing as everywhere."""

from __future__ import annotations

from heliostat.identity.directory.search import EntryKind
from heliostat.identity.ldap_face.answers import RefusedError
from heliostat.identity.ldap_face.callers import computer_at, person_at
from heliostat.identity.ldap_face.messages import Request, dn_of
from heliostat.identity.ldap_face.places import Place, place_of
from heliostat.identity.ldap_face.replies import Code
from heliostat.identity.machines.secrets import is_secret
from heliostat.identity.names import fold
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms

SIMPLE = "128"
LONGEST_PASSWORD = 8192
_LOCAL = ("IP=127.", "IP=[::1]", "PATH=")


async def bind(realms: Realms, request: Request) -> None:
    """Return if the bind is good; raises ``RefusedError`` and ``HeliostatError``."""
    if request.get("method") != SIMPLE:
        raise RefusedError(Code.METHOD_NOT_SUPPORTED, "Only simple binds are taken.")
    if request.get("ssf", "0") == "0" and not request.get("peername").startswith(_LOCAL):
        raise RefusedError(Code.CONFIDENTIALITY, "Passwords are only taken over TLS.")
    if not request.password:
        raise RefusedError(Code.INAPPROPRIATE_AUTHENTICATION, "A bind needs a password.")
    place = place_of(dn_of(request))
    realm = await realms.find(place.domain) if place else realms.system
    if place is not None and EntryKind.COMPUTER in place.kinds:
        await _bind_computer(realm, place, request.password)
        return
    realm = realm or realms.system
    # who lies somewhere else gets the same answer after the same work as a wrong password
    key = (
        await person_at(realm, place)
        if place and fold(realm.options.domain) == fold(place.domain)
        else ""
    )
    password = request.password[:LONGEST_PASSWORD].decode(errors="replace")
    person = await realm.people.authenticate(key, password)
    await realm.refuse_alone(person)


async def _bind_computer(realm: Realm | None, place: Place, password: bytes) -> None:
    """By the secret that it was told when it joined; guessing 256 bits needs no lockout."""
    name = await computer_at(realm, place) if realm is not None else ""
    hashed = await realm.directory.computer_password_hash(name) if realm and name else ""
    if not is_secret(password[:LONGEST_PASSWORD].decode(errors="replace"), hashed):
        raise RefusedError(Code.INVALID_CREDENTIALS)
