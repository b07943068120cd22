"""Affinities of a spec as terms for placement, checked when the operation is asked for.

What they refer to has to exist, and those that must hold may not exclude each
other: both is refused at once.  Where machines and disks *are* is looked up only
when the entity is placed, in the reservations that the placement's commit guards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.model.affinity import Affinity, AffinityKind
from heliostat.controller.model.datastore import DatastoreType
from heliostat.controller.model.disk import DiskState
from heliostat.controller.model.labels import is_key, is_value
from heliostat.controller.model.names import invalid
from heliostat.controller.model.reservation import Avoided
from heliostat.controller.scheduler.occupancy import label_key
from heliostat.controller.scheduler.request import Term, TermKind
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.kinds import DATASTORES, HOSTS, INVENTORIES, ZONES
from heliostat.core.errors import PermanentError

MAX_AFFINITIES = 32
DISK_KINDS = frozenset(AffinityKind) - {AffinityKind.LABEL}
VM_KINDS = frozenset(AffinityKind)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What affinities ask of placement; ``avoids`` is what others are kept away by later."""

    terms: tuple[Term, ...] = ()
    preferences: tuple[Term, ...] = ()
    avoids: tuple[Avoided, ...] = ()


async def resolve(
    store: CloudStore,
    project_id: str,
    affinities: Iterable[Affinity],
    allowed: frozenset[AffinityKind],
    code: str,
) -> Wanted:
    """What ``affinities`` ask for together.

    ``code`` is the error of affinities that exclude each other.  Raises also
    ``MoreThanOneHostAffinity``, ``InvalidEntity`` for kinds that don't apply, and
    what says that a referenced entity doesn't exist.
    """
    given = tuple(affinities)
    if len(given) > MAX_AFFINITIES:
        raise invalid("affinities", f"{len(given)} are more than {MAX_AFFINITIES}")
    terms: list[Term] = []
    preferences: list[Term] = []
    places: dict[str, str] = {}
    for affinity in given:
        kind = affinity.parsed()
        if kind not in allowed:
            raise invalid("affinities", f"an affinity to a {kind} does not apply here")
        term = Term(
            kind=TermKind(kind),
            value=await _value(store, project_id, affinity, kind),
            negative=affinity.negative,
            scope=affinity.reach(),
        )
        if affinity.preferred:
            preferences.append(term)
        elif term not in terms:
            terms.append(term)
            await _place(store, affinity, term, places)
    _refuse_conflicts(terms, places, code)
    avoids = tuple(
        Avoided(key=_key(project_id, term), scope=term.scope)
        for term in terms
        if term.negative and AffinityKind(term.kind).has_scope
    )
    return Wanted(tuple(terms), tuple(preferences), avoids)


def _key(project_id: str, term: Term) -> str:
    if term.kind is TermKind.LABEL:
        return label_key(project_id, term.value)
    return f"{term.kind}:{term.value}"


async def _value(store: CloudStore, project_id: str, affinity: Affinity, kind: AffinityKind) -> str:
    """How placement knows what is referred to; raises if it does not exist."""
    id_ = affinity.id
    if kind is AffinityKind.HOST:
        return (await reading.host(store, id_)).value.id
    if kind is AffinityKind.VM:
        _refuse_foreign((await reading.vm(store, id_)).value.project_id, project_id, kind, id_)
    elif kind is AffinityKind.DISK:
        disk = (await reading.disk(store, id_)).value
        _refuse_foreign(disk.project_id, project_id, kind, id_)
        if disk.state is DiskState.DELETED:
            raise invalid("affinities", f"the disk {id_} is deleted; restore it first")
    elif kind is AffinityKind.LABEL:
        key, equals, value = id_.partition("=")
        if not (equals and is_key(key) and is_value(value)):
            raise invalid("affinities", f"{id_[:80]!r} is not a label, KEY=VALUE")
    elif kind is AffinityKind.DATASTORE:
        return await _datastore(store, id_)
    elif kind is AffinityKind.DATASTORE_TYPE:
        if id_.upper() not in list(DatastoreType):
            known = ", ".join(DatastoreType)
            raise invalid("affinities", f"the datastore type {id_!r} is none of {known}")
        return id_.upper()
    elif kind is AffinityKind.AVAILABILITY_ZONE:
        return await _zone(store, id_)
    else:
        await _refuse_unknown_network(store, id_)
    return id_


def _refuse_foreign(owner: str, project_id: str, kind: AffinityKind, id_: str) -> None:
    if owner != project_id:
        raise invalid("affinities", f"the {kind} {id_} belongs to another project")


async def _datastore(store: CloudStore, id_: str) -> str:
    """The id of a datastore named by id or, if only one has it, by name."""
    if await DATASTORES.get(store, id_) is not None:
        return id_
    named = await DATASTORES.ids_by_index(store, "name", id_)
    if len(named) > 1:
        raise invalid("affinities", f"{len(named)} datastores are called {id_!r}; give the id")
    if named:
        return named[0]
    raise PermanentError("NoSuchResource", f"No host has the datastore {id_!r}.")


async def _zone(store: CloudStore, id_: str) -> str:
    """The id of a zone named by id or, if only one has it, by name."""
    if await ZONES.get(store, id_) is not None:
        return id_
    named = [each.value.id for each in await ZONES.all(store) if each.value.name == id_]
    if len(named) > 1:
        raise invalid("affinities", f"{len(named)} zones are called {id_!r}; give the id")
    if named:
        return named[0]
    if await HOSTS.ids_by_index(store, "zone", id_):
        return id_  # a host from before zones were documents
    raise PermanentError("NoSuchResource", f"There is no zone {id_!r}.")


async def _refuse_unknown_network(store: CloudStore, network: str) -> None:
    if not any(network in each.value.networks for each in await INVENTORIES.all(store)):
        raise PermanentError("NoSuchResource", f"No host has the network {network!r}.")


async def _place(store: CloudStore, affinity: Affinity, term: Term, places: dict[str, str]) -> None:
    """Note which host a term names (what is not placed yet can't be the place to be)."""
    if term.negative:
        return
    if term.kind is TermKind.HOST:
        places[f"host {affinity.id}"] = term.value
    elif term.kind is TermKind.VM:
        places[f"vm {affinity.id}"] = (await reading.vm(store, term.value)).value.host_id
    elif term.kind is TermKind.DISK:
        places[f"disk {affinity.id}"] = (await reading.disk(store, term.value)).value.host_id
    else:
        return
    what, host_id = list(places.items())[-1]
    if not host_id:
        raise invalid("affinities", f"the {what} has no host yet")
    if term.scope is not term.scope.HOST:
        del places[what]


def _refuse_conflicts(terms: list[Term], places: dict[str, str], code: str) -> None:
    """Refuse what no host could ever meet."""
    named = {term.value for term in terms if term.kind is TermKind.HOST and not term.negative}
    if len(named) > 1:
        raise PermanentError("MoreThanOneHostAffinity", f"{len(named)} hosts are asked for.")
    if len(set(places.values())) > 1:
        asked = ", ".join(sorted(places))
        raise PermanentError(code, f"The affinities ask for different hosts: {asked}.")
    single = (
        (TermKind.ZONE, "zones"),
        (TermKind.DATASTORE, "datastores"),
        (TermKind.DATASTORE_TYPE, "datastore types"),
    )
    for kind, noun in single:
        wanted = {term.value for term in terms if term.kind is kind and not term.negative}
        if len(wanted) > 1:
            raise PermanentError(code, f"The affinities ask for {len(wanted)} different {noun}.")
    for term in terms:
        for other in terms:
            same = (term.kind, term.value, term.scope) == (other.kind, other.value, other.scope)
            if same and term.negative and not other.negative:
                raise PermanentError(
                    code,
                    f"The affinities ask to be both with and away from {term.kind} {term.value}.",
                )
    away = {term.value for term in terms if term.kind is TermKind.HOST and term.negative}
    if shut := away & set(places.values()):
        raise PermanentError(
            code, f"The affinities ask both for the host {min(shut)} and for another."
        )
