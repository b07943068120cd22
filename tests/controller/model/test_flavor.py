"""Which costs make a flavor."""

from __future__ import annotations

import pytest

from heliostat.controller.model.flavor import Flavor, FlavorKind, check_cost, flavor_kind
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.workflows.defaults import DEFAULTS
from heliostat.core.errors import HeliostatError
from heliostat.core.units import Unit

CPU = CostItem(key="vm.cpu", value=2, unit=Unit.COUNT)
MEMORY = CostItem(key="vm.memory", value=1.5, unit=Unit.GB)


def test_machine_size_comes_from_costs() -> None:
    flavor = Flavor(id="1", name="f", kind=FlavorKind.VM, cost=(CPU, MEMORY))
    assert (flavor.cpu_count, flavor.memory_mib) == (2, 1536)


@pytest.mark.parametrize(
    "cost",
    [
        (),
        (CPU,),
        (MEMORY,),
        (CPU, CPU, MEMORY),
        (CostItem(key="vm.cpu", value=1.5, unit=Unit.COUNT), MEMORY),
        (CostItem(key="vm.cpu", value=1, unit=Unit.GB), MEMORY),
        (CostItem(key="vm.cpu", value=0, unit=Unit.COUNT), MEMORY),
        (CPU, CostItem(key="vm.memory", value=1, unit=Unit.COUNT)),
        (CPU, MEMORY, CostItem(key="", value=1, unit=Unit.COUNT)),
    ],
)
def test_bad_machine_costs(cost: tuple[CostItem, ...]) -> None:
    with pytest.raises(HeliostatError, match="InvalidFlavorSpecification"):
        check_cost(FlavorKind.VM, cost)


def test_disk_flavors_carry_no_capacity() -> None:
    capacity = CostItem(key="persistent-disk.capacity", value=1, unit=Unit.GB)
    with pytest.raises(HeliostatError, match=r"persistent-disk\.capacity"):
        check_cost(FlavorKind.PERSISTENT_DISK, (capacity,))


def test_kinds_have_short_forms() -> None:
    assert flavor_kind("persistent") is FlavorKind.PERSISTENT_DISK
    assert flavor_kind("ephemeral") is FlavorKind.EPHEMERAL_DISK
    assert flavor_kind("vm") is FlavorKind.VM
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        flavor_kind("floppy")


def test_default_flavors_are_flavors() -> None:
    for _, kind, cost in DEFAULTS:
        assert check_cost(kind, cost)
