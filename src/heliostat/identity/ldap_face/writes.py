"""Writing over LDAP: what administrators add, change, move and delete, and everybody's password.

Each request is one verb of the directory, so it is one commit, and what the verb would
refuse is refused.  What can't be one verb (a password or members with other changes) is
refused as a whole: a request that was half carried out would be no LDAP.  Names
that follow from others (``cn``, ``displayName``, ``uidNumber``) are taken and not kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from heliostat.identity.directory.bare_views import Record
from heliostat.identity.directory.records import User
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.ldap_face.answers import RefusedError
from heliostat.identity.ldap_face.callers import Caller
from heliostat.identity.ldap_face.messages import (
    Change,
    Request,
    Verb,
    attributes_of,
    changes_of,
    dn_of,
)
from heliostat.identity.ldap_face.passwords import password_change
from heliostat.identity.ldap_face.places import Place, place_of
from heliostat.identity.ldap_face.replies import Code
from heliostat.identity.ldap_face.wanted import (
    COMPUTER,
    USER,
    alone,
    fields_of,
    members_of,
    refuse_new_name,
    refuse_others,
    single,
    user_fields_of,
)
from heliostat.identity.names import fold
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms

NAMES_STAY = (
    "Only units are renamed: people, groups and devices are known by their name in tokens, "
    "certificates, tickets and access rules. Make a new one and delete this one."
)
Dismiss = Callable[[str, str], Awaitable[None]]
"""Deletes a computer of a domain, with what it proved itself by."""


class Writes:
    """Carries out what a bound caller asks for."""

    def __init__(self, realms: Realms, dismiss: Dismiss) -> None:
        self._realms = realms
        self._dismiss = dismiss

    async def carry_out(self, caller: Caller | None, request: Request) -> str:
        """Do it; gives the operation's name.  Raises ``RefusedError`` and ``HeliostatError``."""
        if caller is None:
            raise RefusedError(Code.INSUFFICIENT_ACCESS, "Bind first.")
        if request.verb is Verb.EXTENDED:
            return await self._set_password(caller, request)
        realm, place = await self._there(caller, dn_of(request))
        doing: dict[Verb, Callable[[Realm, Place, Request], Awaitable[str]]] = {
            Verb.ADD: self._add,
            Verb.DELETE: self._delete,
            Verb.MODIFY: self._modify,
            Verb.MODRDN: self._move,
        }
        return await doing[request.verb](realm, place, request)

    async def _there(self, caller: Caller, dn: str) -> tuple[Realm, Place]:
        place = place_of(dn)
        if place is None or not caller.may_write(place.domain):
            raise RefusedError(Code.INSUFFICIENT_ACCESS, "Only administrators of the domain write.")
        realm = await self._realms.find(place.domain)
        if realm is None:
            raise RefusedError(Code.NO_SUCH_OBJECT)
        return realm, place

    async def _add(self, realm: Realm, place: Place, request: Request) -> str:
        given = attributes_of(request)
        classes = set(map(fold, given.get("objectclass", ())))
        fields: dict[str, Any] = {"description": single(given, "description")}
        directory = realm.directory
        if not place.is_leaf:
            refuse_others(given, {"description"})
            await directory.create_unit(place.unit, **fields)
            return "createOrganizationalUnit"
        if place.attribute == "uid" and classes & {"person", "inetorgperson", "posixaccount"}:
            refuse_others(given, {*USER, "description", "sshpublickey", "userpassword"})
            password = single(given, "userpassword")
            keys = given.get("sshpublickey", ())
            fields |= {ours: single(given, theirs) for theirs, ours in USER.items()}
            if fields["family_name"] == place.name:
                fields["family_name"] = ""  # the class wants one, and who has none repeats the name
            await directory.create_user(
                place.name, password, unit=place.unit, ssh_public_keys=keys, **fields
            )
            return "createUser"
        if classes & {"groupofnames", "posixgroup"}:
            refuse_others(given, {"description"})
            await directory.create_group(place.name, unit=place.unit, **fields)
            return "createGroup"
        if "device" in classes:
            refuse_others(given, {*COMPUTER, "description"})
            fields |= {ours: single(given, theirs) for theirs, ours in COMPUTER.items()}
            await directory.create_computer(place.name, unit=place.unit, **fields)
            return "createComputer"
        raise RefusedError(Code.UNWILLING, "People, groups, devices and units are added here.")

    async def _delete(self, realm: Realm, place: Place, _: Request) -> str:
        directory = realm.directory
        if not place.is_leaf:
            await directory.delete_unit(place.unit)
            return "deleteOrganizationalUnit"
        kind, record = await _at(realm, place)
        if kind is EntryKind.COMPUTER:
            await self._dismiss(realm.options.domain, record.name)
            return "deleteComputer"
        verbs: dict[EntryKind, Callable[[str], Awaitable[object]]] = {
            EntryKind.USER: directory.delete_user,
            EntryKind.GROUP: directory.delete_group,
            EntryKind.ACCOUNT: directory.delete_service_account,
        }
        await verbs[kind](record.name)
        return f"delete{kind.capitalize()}"

    async def _modify(self, realm: Realm, place: Place, request: Request) -> str:
        changes, directory = changes_of(request), realm.directory
        if not place.is_leaf:
            await directory.change_unit(place.unit, **fields_of(changes, {}))
            return "updateOrganizationalUnit"
        kind, record = await _at(realm, place)
        refuse_new_name(changes, place.attribute)
        if kind is EntryKind.USER and any(each.attribute == "userpassword" for each in changes):
            change = alone(changes, "A password is changed by itself.")
            if change.how != "replace":  # which one to add to, or to take away, nobody keeps
                raise RefusedError(Code.UNWILLING, "A password is replaced by another one.")
            await directory.set_password(record.name, change.values[0])
            return "setUserPassword"
        if kind is EntryKind.GROUP and any(each.attribute == "member" for each in changes):
            return await self._members(realm, record.name, changes)
        if kind is EntryKind.USER:
            await directory.change_user(record.name, **user_fields_of(changes, record))
        elif kind is EntryKind.GROUP:
            await directory.change_group(record.name, **fields_of(changes, {}))
        elif kind is EntryKind.COMPUTER:
            await directory.change_computer(record.name, **fields_of(changes, COMPUTER))
        else:
            raise RefusedError(Code.UNWILLING, "Service accounts are changed by the API.")
        return f"update{kind.capitalize()}"

    async def _members(self, realm: Realm, group: str, changes: list[Change]) -> str:
        """All of them in one commit; what is said last of somebody counts, as in a sequence."""
        kept: dict[str, bool] = {}
        for how, value in members_of(changes):
            _, _, member = (await realm.directory.reference_at(value)).partition(":")
            if not member:
                raise RefusedError(Code.CONSTRAINT, "Nobody of this domain has the member's name.")
            kept[member] = how == "add"
        add = [each for each, stays in kept.items() if stays]
        remove = [each for each, stays in kept.items() if not stays]
        await realm.directory.change_members(group, add=add, remove=remove)
        if add and remove:
            return "updateGroup"
        return "addGroupMember" if add else "removeGroupMember"

    async def _move(self, realm: Realm, place: Place, request: Request) -> str:
        above = request.get("newSuperior")
        to = place_of(f"{request.get('newrdn')},{above or _above(dn_of(request))}")
        if to is None or fold(to.domain) != fold(place.domain):
            raise RefusedError(Code.UNWILLING, "Nothing moves to another domain.")
        if not place.is_leaf:
            await realm.directory.change_unit(place.unit, to=to.unit)
            return "updateOrganizationalUnit"
        if (to.attribute, fold(to.name)) != (place.attribute, fold(place.name)):
            raise RefusedError(Code.UNWILLING, NAMES_STAY)
        kind, record = await _at(realm, place)
        await realm.directory.move(kind, record.name, to.unit)
        return f"update{kind.capitalize()}"

    async def _set_password(self, caller: Caller, request: Request) -> str:
        """Password Modify (RFC 3062); one that is not told is not made up, for it would be lost."""
        asked = password_change(request)
        own = f"{caller.name}@{caller.domain}"
        place = place_of(asked.who or request.get("binddn"))
        if not asked.new or place is None:
            raise RefusedError(Code.UNWILLING, "The request has no new password.")
        realm = await self._realms.find(place.domain)
        found = realm and await realm.directory.lying_in(EntryKind.USER, place.unit, place.name)
        if realm is None or not isinstance(found, User):
            raise RefusedError(Code.NO_SUCH_OBJECT)
        if fold(f"{found.name}@{place.domain}") == fold(own) and asked.old:
            await realm.directory.change_password(found.name, asked.old, asked.new)
            return "changeOwnPassword"
        await self._there(caller, asked.who or request.get("binddn"))
        await realm.directory.set_password(found.name, asked.new)
        return "setUserPassword"


async def _at(realm: Realm, place: Place) -> tuple[EntryKind, Record]:
    for kind in sorted(place.kinds):
        record = await realm.directory.lying_in(kind, place.unit, place.name)
        if record is not None:
            return kind, record
    raise RefusedError(Code.NO_SUCH_OBJECT)


def _above(dn: str) -> str:
    """The name of what holds ``dn``; an escaped comma does not end a part."""
    at = 0
    while at < len(dn) and dn[at] != ",":
        at += 2 if dn[at] == "\\" else 1
    return dn[at + 1 :]
