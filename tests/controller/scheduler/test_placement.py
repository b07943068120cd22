"""Placement against a plain loop: exactly the best host, and counts that add up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.controller.model.host import UsageTag
from heliostat.controller.model.reservation import (
    Avoided,
    DiskShare,
    Reservation,
    Scope,
    VmShare,
)
from heliostat.controller.scheduler import rooms
from heliostat.controller.scheduler.placement import (
    Decision,
    DiskAsk,
    PlacementRequest,
    Reason,
    Term,
    TermKind,
    choose,
)
from heliostat.controller.scheduler.rows import HostRow, StoreRow
from heliostat.core.units import GIB
from heliostat.testing.placement import Fleet, best_by_loop, rule_out

LABELS = ("app=etcd", "app=web")
STORES = ("a", "b", "c", "d")
CLOUD = frozenset({UsageTag.CLOUD})
BOTH = frozenset(UsageTag)


def store(
    id_: str = "a",
    *,
    total_gib: int = 100,
    free_gib: int = 100,
    tags: tuple[str, ...] = (),
    images: tuple[str, ...] = (),
) -> StoreRow:
    return StoreRow(
        id=id_,
        total_bytes=total_gib * GIB,
        free_bytes=free_gib * GIB,
        tags=frozenset(tags),
        images=frozenset(images),
    )


def host(number: int = 0, **changes: Any) -> HostRow:
    fields: dict[str, Any] = {
        "id": f"host-{number:03}",
        "address": f"10.0.0.{number}",
        "ready": True,
        "active": True,
        "usage": CLOUD,
        "cpu_count": 4,
        "memory_mib": 8192,
        "datastores": (store(f"local-{number}"),),
    }
    return HostRow(**{**fields, **changes})


def fleet_of(*hosts: HostRow, **held: Reservation) -> Fleet:
    """Hosts, and by ``h0``, ``h1`` … what is reserved on the first, the second …"""
    reservations = {hosts[int(name[1:])].id: each for name, each in held.items()}
    return Fleet(hosts, reservations)


def on(number: int, **vms: VmShare) -> Reservation:
    return Reservation(host_id=f"host-{number:03}", vms=vms)


def share(**fields: Any) -> VmShare:
    return VmShare(**{"cpu_count": 0, "memory_mib": 0, "disk_bytes": 0, **fields})


def disks(gib: int, *tags: str) -> tuple[DiskAsk, ...]:
    return (DiskAsk(id="disk", size_bytes=gib * GIB, tags=tags),)


def stores() -> st.SearchStrategy[tuple[StoreRow, ...]]:
    """Up to four datastores; the same letter is the same datastore on every host."""
    facts = {
        "a": ("LOCAL",),
        "b": ("LOCAL", "SSD"),
        "c": ("NFS",),
        "d": ("NFS", "SSD"),
    }
    one = st.builds(
        lambda id_, total, free, images: store(
            id_, total_gib=total, free_gib=free, tags=facts[id_], images=images
        ),
        st.sampled_from(STORES),
        st.integers(1, 50),
        st.integers(0, 50),
        st.sampled_from([(), ("image",)]),
    )
    return st.lists(one, max_size=4, unique_by=lambda each: each.id).map(tuple)


def avoided() -> st.SearchStrategy[Avoided]:
    keys = ["vm:asker", "vm:0-0", *(f"label:p:{label}" for label in LABELS)]
    return st.builds(Avoided, key=st.sampled_from(keys), scope=st.sampled_from(list(Scope)))


def shares(names: list[str]) -> st.SearchStrategy[VmShare]:
    return st.builds(
        lambda cpus, memory, project, sizes, labels, avoids, more: VmShare(
            cpu_count=cpus,
            memory_mib=memory,
            disk_bytes=(sum(sizes.values()) + more) * GIB,
            project_id=project,
            datastores={id_: gib * GIB for id_, gib in sizes.items()},
            labels=labels,
            avoids=avoids,
        ),
        st.integers(0, 20),
        st.integers(0, 1500),
        st.sampled_from(["p", "q"]),
        st.dictionaries(st.sampled_from(names), st.integers(1, 12), max_size=2)
        if names
        else st.just(dict[str, int]()),
        st.lists(st.sampled_from(LABELS), max_size=1).map(tuple),
        st.lists(avoided(), max_size=1).map(tuple),
        st.sampled_from([0, 0, 3]),
    )


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    hosts: list[HostRow] = []
    reservations: dict[str, Reservation] = {}
    for number in range(draw(st.integers(0, 8))):
        has = draw(stores())
        row = host(
            number,
            ready=draw(st.sampled_from([True] * 5 + [False])),
            active=draw(st.sampled_from([True] * 5 + [False])),
            usage=draw(st.sampled_from([CLOUD, BOTH, frozenset({UsageTag.MGMT})])),
            zone=draw(st.sampled_from(["", "north", "south"])),
            cpu_count=draw(st.integers(0, 4)),
            memory_mib=draw(st.integers(256, 4096)),
            datastores=has,
            networks=frozenset(draw(st.sets(st.sampled_from(["red", "blue"])))),
        )
        hosts.append(row)
        guests = draw(st.lists(shares([each.id for each in has]), max_size=2))
        held = Reservation(
            host_id=row.id, vms={f"{number}-{index}": each for index, each in enumerate(guests)}
        )
        on_first = draw(st.sampled_from([None, "", "named"]))
        if has and on_first is not None:
            part = DiskShare(size_bytes=2 * GIB, datastore=has[0].id if on_first else "")
            held = held.with_disk(f"disk-{number}", part)
        reservations[row.id] = held
    return Fleet(hosts, reservations)


def terms() -> st.SearchStrategy[Term]:
    values = {
        TermKind.HOST: ["host-000", "host-001", "elsewhere"],
        TermKind.VM: ["0-0", "1-0", "nobody"],
        TermKind.DISK: ["disk-0", "disk-1"],
        TermKind.ZONE: ["", "north", "nowhere"],
        TermKind.DATASTORE: [*STORES, "none"],
        TermKind.DATASTORE_TYPE: ["LOCAL", "NFS", "VSAN"],
        TermKind.NETWORK: ["red", "blue"],
        TermKind.LABEL: [*LABELS],
    }
    scoped = (TermKind.VM, TermKind.DISK, TermKind.LABEL)
    return st.sampled_from(list(TermKind)).flatmap(
        lambda kind: st.builds(
            Term,
            kind=st.just(kind),
            value=st.sampled_from(values[kind]),
            negative=st.booleans(),
            scope=st.sampled_from(list(Scope) if kind in scoped else [Scope.HOST]),
        )
    )


def requests() -> st.SearchStrategy[PlacementRequest]:
    return st.builds(
        lambda gib, tags, named, **fields: PlacementRequest(
            disks=disks(gib, *tags), known_as=named, **fields
        ),
        st.integers(0, 20),
        st.sampled_from([(), (), ("SSD",), ("LOCAL",), ("LOCAL", "SSD"), ("TAPE",)]),
        st.sampled_from([(), ("vm:asker",), ("vm:asker", "label:p:app=etcd")]),
        cpu_count=st.integers(0, 8),
        memory_mib=st.integers(0, 2048),
        usage=st.sampled_from(list(UsageTag)),
        image_digest=st.sampled_from(["", "image"]),
        project_id=st.sampled_from(["", "p"]),
        terms=st.lists(terms(), max_size=2).map(tuple),
        preferences=st.lists(terms(), max_size=2).map(tuple),
    )


@settings(max_examples=200, deadline=None)
@given(fleets(), requests(), st.integers(0, 1 << 32))
def test_exactly_the_best(fleet: Fleet, request: PlacementRequest, tie: int) -> None:
    decision = choose(fleet.columns(), request, tie_break=tie)
    expected = best_by_loop(fleet, request)
    assert decision.considered == len(fleet.hosts)
    if not expected.scores:
        assert decision.host_id is None
        assert decision.ruled_out == expected.ruled_out
        return
    best = max(expected.scores.values())
    assert decision.host_id is not None
    assert expected.scores[decision.host_id] == pytest.approx(best)
    assert decision.score == pytest.approx(100 * best, abs=0.01)
    parts = decision.ranking[0].parts
    assert parts.keys() >= {"memory", "cpu", "disk", "spread"}
    if not any(term.kind.is_about_datastores for term in request.preferences):
        assert decision.ruled_out == expected.ruled_out
        assert sum(decision.ruled_out.values()) + len(expected.scores) == decision.considered
        ranked = [expected.scores[each.host_id] for each in decision.ranking]
        wanted = sorted(expected.scores.values(), reverse=True)[: len(ranked)]
        assert ranked == pytest.approx(wanted)


@settings(max_examples=50, deadline=None)
@given(fleets(), requests())
def test_order_of_hosts_does_not_matter(fleet: Fleet, request: PlacementRequest) -> None:
    backward = Fleet(fleet.hosts[::-1], fleet.reservations)
    first, second = choose(fleet.columns(), request), choose(backward.columns(), request)
    assert (first.host_id, first.ruled_out) == (second.host_id, second.ruled_out)


@settings(max_examples=80, deadline=None)
@given(st.lists(fleets(), min_size=2, max_size=4), requests())
def test_columns_changed_in_place_are_as_good_as_new(
    moments: list[Fleet], request: PlacementRequest
) -> None:
    """From one moment of a fleet to the next, in place, hosts coming and going."""
    columns = moments[0].columns()
    choose(columns, request)
    for moment in moments[1:]:
        gone = columns.position.keys() - {each.id for each in moment.hosts}
        for host_id in sorted(gone):
            columns.drop(host_id)
        for row in moment.hosts:
            columns.put(row)
        for reservation in moment.reservations.values():
            columns.reserve(reservation)
        promised = moment.promised()
        for store_id in STORES:
            columns.stores.set_used(store_id, promised[store_id])
        fresh = choose(moment.columns(), request)
        kept = choose(columns, request)
        assert (kept.host_id, kept.ruled_out) == (fresh.host_id, fresh.ruled_out)
        assert kept.score == pytest.approx(fresh.score, abs=0.01)


@settings(max_examples=80, deadline=None)
@given(
    fleets(),
    requests(),
    st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from([(), ("SSD",), ("NFS",)])),
        min_size=2,
        max_size=4,
    ),
)
def test_disks_that_need_several_datastores_get_them(
    fleet: Fleet, request: PlacementRequest, sizes: list[tuple[int, tuple[str, ...]]]
) -> None:
    asks = tuple(
        DiskAsk(id=str(index), size_bytes=gib * GIB, tags=tags)
        for index, (gib, tags) in enumerate(sizes)
    )
    decision = choose(fleet.columns(), msgspec.structs.replace(request, disks=asks))
    if decision.host_id is None:
        return
    row = next(each for each in fleet.hosts if each.id == decision.host_id)
    has = {each.id: each for each in row.datastores}
    assert decision.datastores.keys() == {ask.id for ask in asks}
    columns = fleet.columns()
    for ask in asks:
        assert set(ask.tags) <= has[decision.datastores[ask.id]].tags
    for store_id in set(decision.datastores.values()):
        size = sum(ask.size_bytes for ask in asks if decision.datastores[ask.id] == store_id)
        assert size <= columns.stores.room[columns.stores.number[store_id]]
    bare = msgspec.structs.replace(request, disks=())
    assert rule_out(fleet, row, bare) in (None, Reason.DISK)


@pytest.mark.parametrize("few", [0, 4])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(fleets(), st.lists(requests(), min_size=2, max_size=4))
def test_what_is_kept_between_placements_is_as_good_as_new(
    few: int, monkeypatch: pytest.MonkeyPatch, fleet: Fleet, asked: list[PlacementRequest]
) -> None:
    """One placement after the other, each reserved; then they leave again, the first one first."""
    monkeypatch.setattr(rooms, "_FEW", few)
    columns, held = fleet.columns(), dict(fleet.reservations)
    placed: list[str] = []

    def reserve(host_id: str, changed: Reservation) -> None:
        held[host_id] = changed
        columns.reserve(changed)
        promised = Fleet(fleet.hosts, held).promised()
        for store_id in STORES:
            columns.stores.set_used(store_id, promised[store_id])

    for number, request in enumerate(asked * 2):
        kept, fresh = choose(columns, request), choose(Fleet(fleet.hosts, held).columns(), request)
        assert (kept.host_id, kept.ruled_out) == (fresh.host_id, fresh.ruled_out)
        assert [each.score for each in kept.ranking] == pytest.approx(
            [each.score for each in fresh.ranking], abs=0.011
        )
        if number < len(asked) and kept.host_id is not None:
            taken = share(
                cpu_count=request.cpu_count,
                memory_mib=request.memory_mib,
                disk_bytes=request.disk_bytes,
                project_id="p",
                datastores={kept.datastores[ask.id]: ask.size_bytes for ask in request.disks},
            )
            before = held[kept.host_id]
            vms = {**before.vms, f"new-{number}": taken}
            reserve(kept.host_id, msgspec.structs.replace(before, vms=vms))
            placed.append(kept.host_id)
        elif number >= len(asked) and placed:
            leaves = held[placed.pop(0)]
            first = next(each for each in leaves.vms if each.startswith("new-"))
            vms = {name: each for name, each in leaves.vms.items() if name != first}
            reserve(leaves.host_id, msgspec.structs.replace(leaves, vms=vms))


def test_hosts_with_the_same_datastores_share_a_shelf() -> None:
    """Whoever comes, goes or changes its datastores: shelves without hosts are used again."""
    both = (store("a"), store("b"))
    columns = fleet_of(host(0, datastores=both), host(1, datastores=both), host(2)).columns()
    assert columns.stores.shelves == 3
    columns.put(host(1, datastores=both[:1]))
    columns.put(host(2, datastores=both[:1]))
    columns.put(host(3))
    assert columns.stores.shelves == 4
    assert columns.stores.of_host(1) == columns.stores.of_host(2)
    assert choose(columns, PlacementRequest(disks=disks(1))).ruled_out == {}
    columns.drop("host-003")
    bare = choose(columns, PlacementRequest(disks=disks(96)))
    assert bare.ruled_out == {str(Reason.DISK): 3}


def test_the_next_best_may_be_a_sibling() -> None:
    """Siblings are looked at late: a host that falls behind by them isn't lost, nor first."""
    mine = share(project_id="p")
    columns = fleet_of(
        *(host(number, memory_mib=8192 - number * 64) for number in range(4)),
        h0=on(0, a=mine),
        h1=on(1, b=mine),
    ).columns()
    ranking = choose(columns, PlacementRequest(memory_mib=64, project_id="p")).ranking
    assert [each.host_id for each in ranking] == ["host-002", "host-003", "host-000"]


def test_decisions_can_be_stored() -> None:
    decision = choose(fleet_of(host()).columns(), PlacementRequest(cpu_count=1))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_ties_are_spread_over_hosts() -> None:
    columns = fleet_of(*map(host, range(8))).columns()
    chosen = {
        choose(columns, PlacementRequest(), tie_break=tie * 2**26).host_id for tie in range(64)
    }
    assert len(chosen) == 8


@pytest.mark.parametrize(
    ("row", "request_", "code", "reason"),
    [
        (host(ready=False), {}, "NoSuchResource", Reason.STATE),
        (host(active=False), {}, "NoSuchResource", Reason.AGENT),
        (host(usage=frozenset({UsageTag.MGMT})), {}, "NoSuchResource", Reason.USAGE),
        (host(), {"terms": [("host", "other")]}, "NoSuchResource", Reason.HOST),
        (host(), {"terms": [("availabilityZone", "z")]}, "NoSuchResource", Reason.ZONE),
        (host(), {"terms": [("portGroup", "z")]}, "NoSuchResource", Reason.NETWORK),
        (host(), {"terms": [("vm", "z")]}, "NoSuchResource", Reason.COMPANY),
        (
            host(),
            {"terms": [("datastore", "d")]},
            "UnfullfillableDiskAffinities",
            Reason.DATASTORE,
        ),
        (
            host(),
            {"terms": [("host", "host-000", True)]},
            "UnfullfillableAffinities",
            Reason.KEEPS_AWAY,
        ),
        (host(), {"cpu_count": 65}, "NotEnoughCpuResource", Reason.CPU),
        (host(), {"memory_mib": 8000}, "NotEnoughMemoryResource", Reason.MEMORY),
        (host(), {"disks": disks(96)}, "NotEnoughDatastoreCapacity", Reason.DISK),
        (
            host(datastores=(store(free_gib=1),)),
            {"disks": disks(2)},
            "NotEnoughDatastoreCapacity",
            Reason.DISK,
        ),
        (host(), {"disks": disks(2, "SSD")}, "UnfullfillableDiskAffinities", Reason.DATASTORE),
    ],
)
def test_refusals_name_their_reason(
    row: HostRow, request_: dict[str, Any], code: str, reason: Reason
) -> None:
    given = request_.pop("terms", [])
    parsed = tuple(
        Term(kind=TermKind(kind), value=value, negative=bool(more)) for kind, value, *more in given
    )
    decision = choose(fleet_of(row).columns(), PlacementRequest(terms=parsed, **request_))
    assert (decision.code, decision.ruled_out) == (code, {str(reason): 1})
    assert f"{reason}: 1" in decision.reason


def test_cpu_comes_before_memory_and_disk_in_the_error() -> None:
    hosts = (host(0, memory_mib=64), host(1, cpu_count=0), host(2, datastores=()))
    request = PlacementRequest(cpu_count=1, memory_mib=512, disks=disks(1))
    decision = choose(fleet_of(*hosts).columns(), request)
    assert decision.code == "NotEnoughCpuResource"
    assert sum(decision.ruled_out.values()) == 3


def test_no_hosts_at_all() -> None:
    decision = choose(fleet_of().columns(), PlacementRequest())
    assert (decision.host_id, decision.code, decision.considered) == (None, "NoSuchResource", 0)


def test_the_image_and_few_siblings_are_preferred() -> None:
    images = fleet_of(
        host(0), host(1, datastores=(store("one", images=("image",)),)), host(2)
    ).columns()
    assert choose(images, PlacementRequest(image_digest="image")).host_id == "host-001"
    mine = share(project_id="p")
    crowded = fleet_of(*map(host, range(3)), h0=on(0, a=mine, b=mine), h2=on(2, c=mine))
    assert choose(crowded.columns(), PlacementRequest(project_id="p")).host_id == "host-001"


def test_a_preference_is_told_whether_met_or_not() -> None:
    columns = fleet_of(host(0, zone="north"), host(1, zone="south")).columns()
    near = Term(kind=TermKind.ZONE, value="south")
    away = Term(kind=TermKind.HOST, value="host-001", negative=True)
    decision = choose(columns, PlacementRequest(preferences=(near,)))
    assert decision.host_id == "host-001"
    assert decision.reason.endswith("1 of 1 preferences met.")
    torn = choose(columns, PlacementRequest(preferences=(near, away)))
    assert sorted(each.met for each in torn.preferences) == [False, True]
    assert "1 of 2 preferences met, not: " in torn.reason


def test_what_keeps_away_is_kept_away_later() -> None:
    """A machine that wants no etcd beside it: an etcd that names nobody goes elsewhere."""
    shy = share(project_id="p", avoids=(Avoided(key="label:p:app=etcd"),))
    columns = fleet_of(host(0), host(1, memory_mib=64), h0=on(0, shy=shy)).columns()
    etcd = PlacementRequest(project_id="p", known_as=("vm:x", "label:p:app=etcd"))
    assert choose(columns, etcd).host_id == "host-001"
    other = PlacementRequest(project_id="q", known_as=("vm:x", "label:q:app=etcd"))
    assert choose(columns, other).host_id == "host-000"


def test_a_shared_datastore_is_counted_once() -> None:
    shared_ = (store("nfs", total_gib=100, free_gib=100),)
    columns = fleet_of(
        host(0, datastores=shared_),
        host(1, datastores=shared_),
        h0=on(0, a=share(disk_bytes=60 * GIB, datastores={"nfs": 60 * GIB})),
    ).columns()
    refused = choose(columns, PlacementRequest(disks=disks(40)))
    assert refused.ruled_out == {str(Reason.DISK): 2}
    assert choose(columns, PlacementRequest(disks=disks(35))).host_id is not None


def test_hosts_are_named_by_address() -> None:
    decision = choose(fleet_of(host(7)).columns(), PlacementRequest())
    assert decision.reason.startswith("Host 10.0.0.7 (host-007) scores best")
