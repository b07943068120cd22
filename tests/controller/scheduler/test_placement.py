"""Placement against a plain loop: exactly the best host, and counts that add up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.host import Host, HostInventory, HostState, UsageTag
from heliostat.controller.model.reservation import Reservation, VmShare
from heliostat.controller.scheduler.columns import HostRow, build
from heliostat.controller.scheduler.placement import (
    Decision,
    PlacementRequest,
    Reason,
    choose,
)
from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.core.units import GIB
from heliostat.testing.placement import best_by_loop

SETTINGS = SchedulerSettings()


def row(
    number: int = 0,
    *,
    state: HostState = HostState.READY,
    active: bool = True,
    joined: bool = True,
    tags: tuple[UsageTag, ...] = (UsageTag.CLOUD,),
    zone: str = "",
    datastore: str = "local",
    cpus: int = 4,
    memory_mib: int = 8192,
    disk_gib: int = 100,
    free_gib: int = 100,
    used: VmShare | None = None,
    images: tuple[str, ...] = (),
    project_vms: int = 0,
) -> HostRow:
    id_ = f"host-{number:03}"
    inventory = HostInventory(
        id=id_,
        hostname=id_,
        cpu_count=cpus,
        memory_mib=memory_mib,
        disk_total_bytes=disk_gib * GIB,
        disk_free_bytes=free_gib * GIB,
        datastore=datastore,
        accelerator="tcg",
        hypervisor="qemu",
        agent_version="0",
        images=images,
    )
    return HostRow(
        host=Host(id=id_, address=id_, state=state, usage_tags=tags, zone=zone),
        inventory=inventory if joined else None,
        agent_active=active,
        reservation=Reservation(host_id=id_, vms={"vm": used} if used else {}),
        project_vms={"p": project_vms} if project_vms else {},
    )


def rows() -> st.SearchStrategy[list[HostRow]]:
    one: st.SearchStrategy[dict[str, Any]] = st.builds(
        dict,
        state=st.sampled_from([HostState.READY] * 5 + [HostState.SUSPENDED]),
        active=st.sampled_from([True] * 5 + [False]),
        joined=st.sampled_from([True] * 5 + [False]),
        tags=st.sampled_from(
            [(UsageTag.CLOUD,), (UsageTag.MGMT,), (UsageTag.CLOUD, UsageTag.MGMT)]
        ),
        zone=st.sampled_from(["", "a", "b"]),
        datastore=st.sampled_from(["local", "fast"]),
        cpus=st.integers(1, 4),
        memory_mib=st.integers(256, 4096),
        disk_gib=st.integers(1, 50),
        free_gib=st.integers(0, 50),
        used=st.none()
        | st.builds(
            VmShare,
            cpu_count=st.integers(0, 64),
            memory_mib=st.integers(0, 4096),
            disk_bytes=st.integers(0, 50).map(lambda gib: gib * GIB),
        ),
        images=st.sampled_from([(), ("image",)]),
        project_vms=st.integers(0, 3),
    )
    return st.lists(one, max_size=12).map(
        lambda all_: [row(number, **fields) for number, fields in enumerate(all_)]
    )


def requests() -> st.SearchStrategy[PlacementRequest]:
    return st.builds(
        PlacementRequest,
        cpu_count=st.integers(0, 8),
        memory_mib=st.integers(0, 2048),
        disk_bytes=st.integers(0, 20).map(lambda gib: gib * GIB),
        usage=st.sampled_from(list(UsageTag)),
        host_id=st.sampled_from(["", "", "", "host-001", "elsewhere"]),
        zone=st.sampled_from(["", "", "a", "nowhere"]),
        datastore=st.sampled_from(["", "", "fast", "none"]),
        image_digest=st.sampled_from(["", "image"]),
        project_id=st.sampled_from(["", "p"]),
    )


@given(rows(), requests(), st.integers(0, 1 << 32))
def test_exactly_the_best(hosts: list[HostRow], request: PlacementRequest, tie: int) -> None:
    decision = choose(build(hosts), request, tie_break=tie, settings=SETTINGS)
    expected = best_by_loop(hosts, request, SETTINGS)
    assert decision.ruled_out == expected.ruled_out
    assert decision.considered == len(hosts)
    if not expected.scores:
        assert decision.host_id is None
        return
    best = max(expected.scores.values())
    assert decision.host_id is not None
    assert expected.scores[decision.host_id] == pytest.approx(best)
    assert decision.score == pytest.approx(100 * best, abs=0.001)
    ranked = [expected.scores[each.host_id] for each in decision.ranking]
    assert ranked == pytest.approx(sorted(expected.scores.values(), reverse=True)[: len(ranked)])


@given(rows(), requests())
def test_counts_add_up(hosts: list[HostRow], request: PlacementRequest) -> None:
    decision = choose(build(hosts), request)
    fitting = len(best_by_loop(hosts, request, SETTINGS).scores)
    assert sum(decision.ruled_out.values()) + fitting == decision.considered
    assert bool(decision.code) == (decision.host_id is None)


@given(rows(), requests())
def test_order_of_hosts_does_not_matter(hosts: list[HostRow], request: PlacementRequest) -> None:
    forward, backward = choose(build(hosts), request), choose(build(hosts[::-1]), request)
    assert forward == backward


def test_decisions_can_be_stored() -> None:
    decision = choose(build([row()]), PlacementRequest(cpu_count=1))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_ties_are_spread_over_hosts() -> None:
    columns = build([row(number) for number in range(8)])
    chosen = {choose(columns, PlacementRequest(), tie_break=tie).host_id for tie in range(8)}
    assert len(chosen) == 8


@pytest.mark.parametrize(
    ("host", "request_", "code", "reason"),
    [
        (row(state=HostState.MAINTENANCE), {}, "NoSuchResource", Reason.STATE),
        (row(active=False), {}, "NoSuchResource", Reason.AGENT),
        (row(tags=(UsageTag.MGMT,)), {}, "NoSuchResource", Reason.USAGE),
        (row(), {"host_id": "other"}, "NoSuchResource", Reason.HOST),
        (row(), {"zone": "z"}, "NoSuchResource", Reason.ZONE),
        (row(), {"datastore": "d"}, "NoSuchResource", Reason.DATASTORE),
        (row(), {"cpu_count": 65}, "NotEnoughCpuResource", Reason.CPU),
        (row(), {"memory_mib": 8000}, "NotEnoughMemoryResource", Reason.MEMORY),
        (row(), {"disk_bytes": 96 * GIB}, "NotEnoughDatastoreCapacity", Reason.DISK),
        (row(free_gib=1), {"disk_bytes": 2 * GIB}, "NotEnoughDatastoreCapacity", Reason.DISK),
    ],
)
def test_refusals_name_their_reason(
    host: HostRow, request_: dict[str, object], code: str, reason: Reason
) -> None:
    request = msgspec.convert(request_, PlacementRequest)
    decision = choose(build([host]), request)
    assert (decision.code, decision.ruled_out) == (code, {str(reason): 1})
    assert f"{reason}: 1" in decision.reason


def test_cpu_comes_before_memory_and_disk_in_the_error() -> None:
    hosts = [row(0, memory_mib=64), row(1, cpus=0), row(2, disk_gib=0, free_gib=0)]
    request = PlacementRequest(cpu_count=1, memory_mib=512, disk_bytes=GIB)
    decision = choose(build(hosts), request)
    assert decision.code == "NotEnoughCpuResource"
    assert sum(decision.ruled_out.values()) == 3


def test_no_hosts_at_all() -> None:
    decision = choose(build([]), PlacementRequest())
    assert (decision.host_id, decision.code, decision.considered) == (None, "NoSuchResource", 0)


def test_the_image_and_few_siblings_are_preferred() -> None:
    with_image = [row(0), row(1, images=("image",)), row(2)]
    assert choose(build(with_image), PlacementRequest(image_digest="image")).host_id == "host-001"
    crowded = [row(0, project_vms=3), row(1), row(2, project_vms=1)]
    assert choose(build(crowded), PlacementRequest(project_id="p")).host_id == "host-001"
