"""Flavors: named costs of machines and disks.

A VM flavor says how many CPUs (``vm.cpu``, COUNT) and how much memory
(``vm.memory``, a size) a machine gets; every other key is only accounted.  A
disk flavor must not carry ``<kind>.capacity``: the server adds it from the
size that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem, to_base
from heliostat.core.errors import PermanentError
from heliostat.core.units import MIB, Unit

CPU_KEY = "vm.cpu"
MEMORY_KEY = "vm.memory"
MAX_CPUS = 1024


class FlavorKind(StrEnum):
    """What a flavor is for."""

    VM = "vm"
    EPHEMERAL_DISK = "ephemeral-disk"
    PERSISTENT_DISK = "persistent-disk"

    @property
    def is_disk(self) -> bool:
        return self is not FlavorKind.VM

    @property
    def capacity_key(self) -> str:
        """The quota key that the size of a disk is charged to."""
        return f"{self.value}.capacity"


class FlavorState(StrEnum):
    """PENDING_DELETE: still used, gone with its last user, no new users."""

    CREATING = "CREATING"
    READY = "READY"
    PENDING_DELETE = "PENDING_DELETE"
    ERROR = "ERROR"
    DELETED = "DELETED"


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """Unique by (name, kind)."""

    id: str
    name: str
    kind: FlavorKind
    cost: tuple[CostItem, ...]
    state: FlavorState = FlavorState.READY
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1

    @property
    def cpu_count(self) -> int:
        """CPUs of a VM of this flavor."""
        return round(self._value(CPU_KEY).value)

    @property
    def memory_mib(self) -> int:
        """Memory of a VM of this flavor, whole MiB, rounded up."""
        item = self._value(MEMORY_KEY)
        return -(-to_base(item.value, item.unit) // MIB)

    def _value(self, key: str) -> CostItem:
        return next(item for item in self.cost if item.key == key)


_SHORT_FORMS = {
    "ephemeral": FlavorKind.EPHEMERAL_DISK,
    "persistent": FlavorKind.PERSISTENT_DISK,
}


def flavor_kind(text: str) -> FlavorKind:
    """The kind named ``text``, short forms included; ``InvalidEntity`` otherwise."""
    if text in _SHORT_FORMS:
        return _SHORT_FORMS[text]
    try:
        return FlavorKind(text)
    except ValueError as error:
        known = ", ".join(FlavorKind)
        raise invalid("kind", f"{text!r} is none of {known}") from error


def check_cost(kind: FlavorKind, cost: Sequence[CostItem]) -> tuple[CostItem, ...]:
    """The cost items if they make a flavor of ``kind``; ``InvalidFlavorSpecification`` if not."""
    if not cost:
        raise _bad("A flavor has at least one cost.")
    by_key: dict[str, CostItem] = {}
    for item in cost:
        if not item.key or "/" in item.key or len(item.key) > 128:
            raise _bad(f"{item.key!r} is not a cost key.")
        if item.key in by_key:
            raise _bad(f"The cost {item.key} is given twice.")
        to_base(item.value, item.unit, f"cost.{item.key}")
        by_key[item.key] = item
    if kind is FlavorKind.VM:
        _check_machine(by_key)
    elif kind.capacity_key in by_key:
        raise _bad(f"A flavor of kind {kind} must not have the cost {kind.capacity_key}.")
    return tuple(cost)


def _check_machine(cost: dict[str, CostItem]) -> None:
    for key in (CPU_KEY, MEMORY_KEY):
        if key not in cost:
            raise _bad(f"A flavor of kind vm needs the cost {key}.")
    cpu, memory = cost[CPU_KEY], cost[MEMORY_KEY]
    if cpu.unit is not Unit.COUNT or cpu.value != int(cpu.value) or not 1 <= cpu.value <= MAX_CPUS:
        raise _bad(
            f"{CPU_KEY} is a whole COUNT from 1 to {MAX_CPUS}, not {cpu.value:g} {cpu.unit}."
        )
    if not memory.unit.is_size or to_base(memory.value, memory.unit) < MIB:
        raise _bad(f"{MEMORY_KEY} is a size of at least 1 MB, not {memory.value:g} {memory.unit}.")


def _bad(sentence: str) -> PermanentError:
    return PermanentError("InvalidFlavorSpecification", sentence)
