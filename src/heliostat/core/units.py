"""Units of quota and size: GB, MB, KB, B (base 1024) and COUNT."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """A unit of a quota line item, as spelled on the wire."""

    GB = "GB"
    MB = "MB"
    KB = "KB"
    B = "B"
    COUNT = "COUNT"

    @property
    def factor(self) -> int:
        """How many base units (bytes, or single things) one of this unit is."""
        return _FACTORS[self]

    @property
    def is_size(self) -> bool:
        return self is not Unit.COUNT


_FACTORS = {Unit.GB: 1 << 30, Unit.MB: 1 << 20, Unit.KB: 1 << 10, Unit.B: 1, Unit.COUNT: 1}

GIB = 1 << 30
MIB = 1 << 20


def convert(value: float, source: Unit, target: Unit) -> float:
    """``value`` of ``source`` in ``target`` units; sizes and counts don't mix (``ValueError``)."""
    if source.is_size != target.is_size:
        raise ValueError(f"{source} and {target} measure different things")
    return value * source.factor / target.factor
