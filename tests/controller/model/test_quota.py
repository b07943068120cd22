"""Quota arithmetic: charges cancel exactly, limits hold, tenants are drawn on rightly."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.model.quantity import CostItem, from_base, to_base, total
from heliostat.controller.model.quota import (
    OwnerKind,
    Quota,
    QuotaItem,
    QuotaLimit,
    charge,
    check_limits,
    release,
    with_limits,
    without_limits,
)
from heliostat.controller.model.quota_delegation import drawn_by, percent_of, settle, share
from heliostat.core.errors import HeliostatError
from heliostat.core.units import Unit

KEYS = ("vm.cpu", "vm.cost", "disk")
SIZES = ("vm.memory", "disk.capacity")


def counts() -> st.SearchStrategy[CostItem]:
    values = st.integers(0, 5_000_000).map(lambda millionths: millionths / 1_000_000)
    return st.builds(CostItem, key=st.sampled_from(KEYS), value=values, unit=st.just(Unit.COUNT))


def sizes() -> st.SearchStrategy[CostItem]:
    units = st.sampled_from([unit for unit in Unit if unit.is_size])
    values = st.floats(0, 1000, allow_nan=False)
    return st.builds(CostItem, key=st.sampled_from(SIZES), value=values, unit=units)


def costs() -> st.SearchStrategy[list[CostItem]]:
    return st.lists(counts() | sizes(), max_size=6)


def empty(kind: OwnerKind = OwnerKind.PROJECT, owner: str = "p") -> Quota:
    return Quota(owner_kind=kind, owner_id=owner)


def limited(kind: OwnerKind = OwnerKind.PROJECT, owner: str = "p", **limits: float) -> Quota:
    items = {
        key.replace("_", "."): QuotaLimit(limit=val, unit=Unit.COUNT) for key, val in limits.items()
    }
    return Quota(owner_kind=kind, owner_id=owner, items=check_limits(items))


@given(st.lists(costs(), max_size=8), st.randoms(use_true_random=False))
def test_released_in_any_order_leaves_nothing(
    charges: list[list[CostItem]], random: Random
) -> None:
    quota = empty()
    for each in charges:
        quota = charge(quota, each)
    random.shuffle(charges)
    for each in charges:
        quota = release(quota, each)
    assert quota == empty()


@given(st.lists(costs(), max_size=10), st.integers(0, 6))
def test_usage_never_passes_a_limit_and_refusals_change_nothing(
    charges: list[list[CostItem]], limit: int
) -> None:
    quota = limited(vm_cpu=limit)
    for each in charges:
        before, refusal = quota, None
        try:
            quota = charge(quota, each)
        except HeliostatError as error:
            refusal = error
        if refusal is not None:
            assert refusal.code == "QuotaError"
            assert refusal.data["newUsage"] > refusal.data["limit"]
            assert quota is before
        item = quota.items["vm.cpu"]
        assert item.limit is not None
        assert item.used <= item.limit


def test_reaching_the_limit_is_allowed() -> None:
    quota = charge(limited(vm_cpu=2), [CostItem(key="vm.cpu", value=2, unit=Unit.COUNT)])
    with pytest.raises(HeliostatError, match=r"limit of 2 COUNT, 2 COUNT used, 1 COUNT asked"):
        charge(quota, [CostItem(key="vm.cpu", value=1, unit=Unit.COUNT)])


def test_result_keeps_the_unit_of_the_row() -> None:
    quota = charge(empty(), [CostItem(key="vm.memory", value=1, unit=Unit.GB)])
    quota = charge(quota, [CostItem(key="vm.memory", value=512, unit=Unit.MB)])
    item = quota.items["vm.memory"]
    assert (item.unit, item.used_value) == (Unit.GB, 1.5)


def test_counts_and_sizes_do_not_mix() -> None:
    quota = charge(empty(), [CostItem(key="vm.memory", value=1, unit=Unit.GB)])
    with pytest.raises(HeliostatError, match="counts it in GB, not in COUNT"):
        charge(quota, [CostItem(key="vm.memory", value=1, unit=Unit.COUNT)])


@given(st.floats(0, 1e6), st.sampled_from(list(Unit)))
def test_quantities_come_back(value: float, unit: Unit) -> None:
    assert from_base(to_base(value, unit), unit) == pytest.approx(value, abs=1.0)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e30])
def test_unusable_quantities_are_refused(value: float) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        to_base(value, Unit.GB)


def test_totals_add_up_in_the_first_unit() -> None:
    items = (
        CostItem(key="b", value=1, unit=Unit.COUNT),
        CostItem(key="a", value=1, unit=Unit.GB),
        CostItem(key="a", value=1024, unit=Unit.MB),
    )
    assert total(items) == (
        CostItem(key="a", value=2, unit=Unit.GB),
        CostItem(key="b", value=1, unit=Unit.COUNT),
    )


# A history of a tenant and its projects: limits come and go, machines too.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["charge", "release", "limit", "free", "tenant"]),
        st.integers(0, 2),
        costs(),
        st.integers(0, 20),
    ),
    max_size=25,
)


@given(STEPS)
def test_a_tenant_has_used_what_its_projects_draw(
    history: list[tuple[str, int, list[CostItem], int]],
) -> None:
    tenant = limited(OwnerKind.TENANT, "t", vm_cpu=10)
    projects = [empty(owner=str(number)) for number in range(3)]
    charged: list[list[list[CostItem]]] = [[], [], []]
    refusals = set()
    for what, number, cost, limit in history:
        try:
            before = projects[number]
            if what == "charge":
                after = charge(before, cost)
                tenant = settle(tenant, before, after)
                charged[number].append(cost)
            elif what == "release" and charged[number]:
                after = release(before, charged[number][-1])
                tenant = settle(tenant, before, after)
                charged[number].pop()
            elif what == "limit":
                asked = check_limits({"vm.cpu": QuotaLimit(limit=limit, unit=Unit.COUNT)})
                after = with_limits(before, asked, keep_others=True)
                tenant = settle(tenant, before, after)
            elif what == "free":
                after = with_limits(before, {}, keep_others=False)
                tenant = settle(tenant, before, after)
            else:
                after = before
                asked = check_limits({"vm.cost": QuotaLimit(limit=limit, unit=Unit.COUNT)})
                tenant = drawn_by(with_limits(tenant, asked, keep_others=False), projects)
            projects[number] = after
        except HeliostatError as error:
            refusals.add(error.code)
        assert tenant == drawn_by(tenant, projects)
        for item in tenant.items.values():
            assert item.limit is None or item.used <= item.limit
    assert refusals <= {"QuotaError", "InvalidEntity"}


def test_a_key_without_project_limit_is_drawn_as_used() -> None:
    tenant = limited(OwnerKind.TENANT, "t", vm_cpu=2)
    project = charge(empty(), [CostItem(key="vm.cpu", value=1, unit=Unit.COUNT)])
    assert share(project, tenant) == {"vm.cpu": (1_000_000, Unit.COUNT)}
    assert share(project, empty(OwnerKind.TENANT, "t")) == {}


def test_project_limits_come_out_of_the_tenant() -> None:
    tenant = limited(OwnerKind.TENANT, "t", vm_cpu=10)
    first = settle(tenant, empty(), limited(vm_cpu=6))
    assert first.items["vm.cpu"].used_value == 6
    with pytest.raises(HeliostatError, match=r"limit of 10 COUNT, 6 COUNT used, 5 COUNT asked"):
        settle(first, empty(owner="q"), limited(owner="q", vm_cpu=5))
    assert settle(first, limited(vm_cpu=6), empty()) == tenant


def test_percentages_round_down() -> None:
    tenant = limited(OwnerKind.TENANT, "t", vm_cpu=10, vm=3)
    assert percent_of(tenant, 30)["vm.cpu"] == QuotaItem(unit=Unit.COUNT, limit=3_000_000)
    for percent in (0, -1, 101):
        with pytest.raises(HeliostatError, match="percent"):
            percent_of(tenant, percent)


def test_limits_can_not_go_below_usage_nor_away_while_used() -> None:
    used = charge(limited(vm_cpu=4), [CostItem(key="vm.cpu", value=3, unit=Unit.COUNT)])
    lower = check_limits({"vm.cpu": QuotaLimit(limit=2, unit=Unit.COUNT)})
    with pytest.raises(HeliostatError, match="QuotaError"):
        with_limits(used, lower, keep_others=True)
    with pytest.raises(HeliostatError, match="QuotaInUse"):
        without_limits(used, ["vm.cpu"])
    with pytest.raises(HeliostatError, match="no limit"):
        without_limits(used, ["other"])
    assert without_limits(limited(vm_cpu=4), ["vm.cpu"]) == empty()
