"""What exists at first start, so that the first VM needs no preparation.

Made once: a marker remembers it, so a default that was deleted stays deleted.
"""

from __future__ import annotations

from heliostat.cloudstore.contract import Absent, Change, Guard, GuardFailed, Put
from heliostat.controller.model.flavor import Flavor, FlavorKind, check_cost
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.kinds import FLAVORS, flavor_name
from heliostat.core.units import Unit

MARKER = "/v1/site/default-flavors"


def _count(key: str, value: float = 1.0) -> CostItem:
    return CostItem(key=key, value=value, unit=Unit.COUNT)


def _machine(
    name: str, cpus: int, memory_mb: int, cost: float
) -> tuple[str, FlavorKind, tuple[CostItem, ...]]:
    size = (
        (float(memory_mb >> 10), Unit.GB) if memory_mb % 1024 == 0 else (float(memory_mb), Unit.MB)
    )
    items = (
        _count("vm"),
        _count(f"vm.flavor.{name}"),
        _count("vm.cpu", cpus),
        CostItem(key="vm.memory", value=size[0], unit=size[1]),
        _count("vm.cost", cost),
    )
    return name, FlavorKind.VM, items


def _disk(name: str, kind: FlavorKind) -> tuple[str, FlavorKind, tuple[CostItem, ...]]:
    items = (_count(kind), _count(f"{kind}.flavor.{name}"), _count(f"{kind}.cost"))
    return name, kind, items


DEFAULTS = (
    _machine("tiny", 1, 256, 0.125),
    _machine("small", 1, 1024, 0.5),
    _machine("medium", 2, 4096, 1.5),
    _machine("large", 4, 8192, 3.0),
    _machine("cluster-master-vm", 4, 8192, 1.0),
    _machine("cluster-other-vm", 1, 4096, 1.0),
    _disk("ephemeral", FlavorKind.EPHEMERAL_DISK),
    _disk("persistent", FlavorKind.PERSISTENT_DISK),
    _disk("cluster-vm-disk", FlavorKind.EPHEMERAL_DISK),
)


async def ensure_defaults(ports: Ports) -> bool:
    """Make the default flavors unless that was done before; whether they were made now."""
    if await ports.store.get(MARKER) is not None:
        return False
    guards: list[Guard] = [Absent(MARKER)]
    changes: list[Change] = [Put(MARKER, b"{}")]
    for name, kind, cost in DEFAULTS:
        taken = flavor_name(kind, name)
        if await FLAVORS.ids_by_index(ports.store, "name", taken):
            continue
        flavor = Flavor(
            id=ports.ids.new_id(),
            name=name,
            kind=kind,
            cost=check_cost(kind, cost),
            created_ms=ports.clock.now_ms(),
        )
        guards.append(FLAVORS.unused("name", taken))
        changes.extend(FLAVORS.put(flavor))
    try:
        await ports.store.commit(guards, changes)
    except GuardFailed:
        return False  # another controller of the site was first
    return True
