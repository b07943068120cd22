"""Trying a source step by step, as somebody would who wonders why nobody can sign in.

Each server: its name, a connection, TLS with its certificate, signing in.  Then, at the first
that lets us in: how many people and groups there are, and one of them as sign-in would see
him.  A step that fails says why; what stands on it is left out.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from heliostat.core.clock import Clock
from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.identity.names import subject_of
from heliostat.identity.sources import lookup
from heliostat.identity.sources.credentials import Credentials, sign_in
from heliostat.identity.sources.entries import Found, group_in, person_in, wanted, wanted_of_groups
from heliostat.identity.sources.protocol import filters
from heliostat.identity.sources.protocol.connection import Connection, Refused, TooMany
from heliostat.identity.sources.protocol.messages import Entry, Search
from heliostat.identity.sources.protocol.reach import Unreachable, connect, resolve
from heliostat.identity.sources.servers import Servers
from heliostat.identity.sources.source import Source, attribute, groups_filter, people_filter
from heliostat.identity.sources.spelling import spelled

T = TypeVar("T")
MOST = 10_000
"""Entries that are counted; there may be more."""
GROUPS_SHOWN = 10


class Step(NamedTuple):
    """One step: what it was about, whether it went well, and a sentence."""

    step: str
    well: bool
    sentence: str


async def probed(
    source: Source, credentials: Credentials, servers: Servers, clock: Clock, person: str
) -> tuple[Step, ...]:
    """The steps of trying ``source``; with ``person`` the sample is who has that name."""
    steps: list[Step] = []
    content: list[Step] = []
    for url in source.urls:
        connection = await _reached(url, credentials, servers, steps)
        if connection is None:
            continue
        try:
            content = content or await _contents(connection, source, clock.now_ms(), person)
        finally:
            await connection.close()
    return (*steps, *content)


async def _reached(
    url: str, credentials: Credentials, servers: Servers, steps: list[Step]
) -> Connection | None:
    """A connection that is signed in, as far as that goes; says each step in ``steps``."""
    stage = "resolve"

    def well(sentence: str) -> None:
        steps.append(Step(stage, True, sentence))

    connection = None
    try:
        link = servers.link(url)
        addresses = await resolve(link)
        well(f"{link.address.host} is {', '.join(at[0] for _, at in addresses)}.")
        stage, began = "connect", time.monotonic()
        connected = await connect(link, addresses)
        well(f"{url} answered in {(time.monotonic() - began) * 1000:.1f} ms.")
        stage = "tls"
        connection = await Connection.over(link, connected)
        well(connection.encryption)
        stage = "sign-in"
        await sign_in(connection, credentials)
        well(f"Signed in as {_whom(credentials)}.")
    except Unreachable as error:
        if connection is not None:
            await connection.close()
        steps.append(Step(stage, False, _sentence(str(error))))
        return None
    return connection


async def _contents(connection: Connection, source: Source, now_ms: int, person: str) -> list[Step]:
    steps: list[Step] = []
    people = await _step(steps, "people", lambda: _people(connection, source, now_ms))
    groups = await _step(steps, "groups", lambda: _groups(connection, source))
    if people is not None and groups is not None:
        await _step(steps, "sample", lambda: _sample(connection, source, now_ms, person, people))
    return steps


async def _step(
    steps: list[Step], stage: str, work: Callable[[], Awaitable[tuple[str, T]]]
) -> T | None:
    """What ``work`` gives beside its sentence; ``None`` where it went wrong."""
    try:
        sentence, found = await work()
    except (Unreachable, Refused, TooMany) as error:
        steps.append(Step(stage, False, _sentence(str(error))))
        return None
    except HeliostatError as error:
        steps.append(Step(stage, False, error.message))
        return None
    steps.append(Step(stage, True, sentence))
    return found


async def _people(
    connection: Connection, source: Source, now_ms: int
) -> tuple[str, tuple[Found, ...]]:
    entries = await _all(connection, source, source.people_base, people_filter(source))
    found = tuple(each for entry in entries if (each := person_in(entry, source, now_ms)))
    if not found:
        raise TooMany(_none("person", len(entries), source.people_base, source, "name", "id"))
    barred = sum(each.barred for each in found)
    left_out = len(entries) - len(found)
    told = f"{_many(len(found), 'person', 'people')}, {barred} of them disabled or ended"
    more = f"; {left_out} entries have no usable name or id" if left_out else ""
    return f"{told}{more}.", found


async def _groups(connection: Connection, source: Source) -> tuple[str, int]:
    base = source.groups_base or source.people_base
    entries = await _all(connection, source, base, groups_filter(source))
    found = [each for entry in entries if (each := group_in(entry, source))]
    return f"{counted(len(found), 'group')}.", len(found)


async def _sample(
    connection: Connection, source: Source, now_ms: int, person: str, people: tuple[Found, ...]
) -> tuple[str, None]:
    chosen = people[0]
    if person:
        named = await lookup.people_named(connection, source, spelled(person).bare, "", now_ms)
        if len(named) != 1:
            raise TooMany(f"{person[:80]!r} is the name of {_many(len(named), 'person', 'people')}")
        chosen = named[0]
    groups = await lookup.groups_of(connection, source, chosen)
    names = ", ".join(each.name for each in groups[:GROUPS_SHOWN]) or "no group"
    more = f" and {len(groups) - GROUPS_SHOWN} more" if len(groups) > GROUPS_SHOWN else ""
    state = "may not sign in" if chosen.barred else "locked now" if chosen.locked else "may sign in"
    said = attribute(source, "passwordChanged") or "nothing"
    unseen = f" A new password ends no session, since {said} does not tell when it was set."
    unseen = "" if chosen.dates_password else unseen
    who = subject_of(chosen.name, source.domain)
    return f"{who} ({chosen.dn}) {state}; in {names}{more}.{unseen}", None


async def _all(connection: Connection, source: Source, base: str, text: str) -> list[Entry]:
    asked = (*wanted(source), *wanted_of_groups(source))
    return await connection.search(Search(base, filters.parse(text), asked, limit=MOST))


def _none(what: str, entries: int, base: str, source: Source, *needed: str) -> str:
    if not entries:
        return f"there is no {what} below {base} that matches the filter"
    names = " and ".join(attribute(source, each) for each in needed)
    return f"{_many(entries, 'entry', 'entries')}, but none has a usable {names}"


def _many(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _whom(credentials: Credentials) -> str:
    if credentials.dn:
        return credentials.dn
    return "whom the certificate names" if credentials.certificate_pem else "nobody"


def _sentence(text: str) -> str:
    first = text[:1] if text.startswith("ldap") else text[:1].upper()
    return f"{first}{text[1:].rstrip('.')}."
