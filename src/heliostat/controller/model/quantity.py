"""Quantities of quota and cost, kept as integers in base units.

The base unit of sizes is the byte, that of counts the millionth of a thing (so
that a cost of 0.025 is exact).  Integers make a charge and its release cancel
exactly, however many charges lie between them; floats would drift.
"""

from __future__ import annotations

import math

import msgspec

from heliostat.controller.model.names import invalid
from heliostat.core.units import Unit

COUNT_RESOLUTION = 1_000_000
MAX_BASE = 1 << 62  # what JSON integers of every client and store can carry


class CostItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what an entity costs: ``value`` in ``unit``."""

    key: str
    value: float
    unit: Unit


def to_base(value: float, unit: Unit, field: str = "value") -> int:
    """``value`` in base units; refuses what is negative, not finite or too large."""
    factor = unit.factor if unit.is_size else COUNT_RESOLUTION
    if not math.isfinite(value) or value < 0 or value * factor > MAX_BASE:
        raise invalid(field, f"{value!r} {unit} is not a usable quantity")
    return round(value * factor)


def from_base(base: int, unit: Unit) -> float:
    """A number of base units as a value in ``unit``."""
    return base / (unit.factor if unit.is_size else COUNT_RESOLUTION)


def written(base: int, unit: Unit) -> str:
    """For sentences: ``4 GB``, ``2 COUNT``, ``0.025 COUNT``."""
    return f"{from_base(base, unit):.10g} {unit}"


def total(items: tuple[CostItem, ...]) -> tuple[CostItem, ...]:
    """The items with equal keys added up, in the unit of the first of them, sorted by key."""
    sums: dict[str, tuple[int, Unit]] = {}
    for item in items:
        base, unit = sums.get(item.key, (0, item.unit))
        if unit.is_size != item.unit.is_size:
            raise invalid(item.key, f"both {unit} and {item.unit} are asked for")
        sums[item.key] = (base + to_base(item.value, item.unit, item.key), unit)
    return tuple(
        CostItem(key=key, value=from_base(base, unit), unit=unit)
        for key, (base, unit) in sorted(sums.items())
    )
