"""What was read of a directory elsewhere, as entries and as views.  Pure."""

from __future__ import annotations

from typing import NamedTuple

from heliostat.identity.directory.search import Entry, Position
from heliostat.identity.directory.views import ComputerView, GroupView, UnitView, UserView
from heliostat.identity.external.told import Told, time_ms
from heliostat.identity.names import fold, security_group, subject_of
from heliostat.identity.sources.entries import FoundGroup
from heliostat.identity.sources.source import Source


class Held(NamedTuple):
    """An entry with the unit in which it lies, and the groups that hold it where it was asked."""

    told: Told
    unit: str
    groups: tuple[FoundGroup, ...] = ()


def entry_of(held: Held, position: Position, wanted: frozenset[str] | None) -> Entry:
    """``wanted`` as in ``Query.attributes``; an entry's own name and class are always told."""
    attributes = dict(held.told.attributes)
    if held.groups:
        attributes["memberOf"] = tuple(each.dn for each in held.groups)
    told = {
        name: values
        for name, values in attributes.items()
        if wanted is None or fold(name) in wanted or name == "entryDN"
    }
    return Entry(held.told.kind, held.told.name, held.told.dn, told, position)


def user_view(held: Held, source: Source) -> UserView:
    """A person; ``groups`` are those that were asked for."""
    told = held.told
    return UserView(
        name=told.name,
        subject=subject_of(told.name, source.domain),
        disabled=told.first("accountDisabled") == "TRUE",
        created_ms=time_ms(told.first("createTimestamp")),
        groups=tuple(sorted(spelled_group(each.name, source) for each in held.groups)),
        given_name=told.first("givenName"),
        family_name=told.first("sn"),
        email=told.first("mail"),
        description=told.first("description"),
        unit=held.unit,
        number=told.number("uidNumber"),
        ssh_public_keys=told.attributes.get("sshPublicKey", ()),
    )


def group_view(held: Held, source: Source, members: tuple[str, ...] = ()) -> GroupView:
    """A group; ``members`` as they are spelled here."""
    told = held.told
    return GroupView(
        name=told.name,
        security_group=spelled_group(told.name, source),
        description=told.first("description"),
        members=members,
        built_in=False,
        created_ms=time_ms(told.first("createTimestamp")),
        unit=held.unit,
        number=told.number("gidNumber"),
    )


def computer_view(held: Held) -> ComputerView:
    """A machine."""
    told = held.told
    return ComputerView(
        name=told.name,
        operating_system=told.first("operatingSystem"),
        certificate_sha256="",
        description=told.first("description"),
        disabled=told.first("accountDisabled") == "TRUE",
        unit=held.unit,
        created_ms=time_ms(told.first("createTimestamp")),
        last_seen_ms=time_ms(told.first("lastSeen")),
    )


def unit_view(path: str, told: Told) -> UnitView:
    """A unit."""
    made_ms = time_ms(told.first("createTimestamp"))
    return UnitView(path, told.name, told.first("description"), False, made_ms)


def spelled_group(name: str, source: Source) -> str:
    """A group as it counts here: ``CORP.EXAMPLE\\Cloud Admins``."""
    return security_group(name, source.domain.upper())
