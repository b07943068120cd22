"""Amounts of quotas and costs: ``10 COUNT``, ``20 GB``; equal if they mean the same."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.cli import text
from heliostat.core.units import Unit

COUNT_RESOLUTION = 1_000_000
"""The platform counts things in millionths."""


@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """A number of units; 1 GB equals 1024 MB."""

    value: float
    unit: Unit

    @classmethod
    def parse(cls, written: str) -> Amount:
        """Raises ``ValueError`` with a sentence."""
        words = written.split()
        if len(words) == 1:
            words.append(Unit.COUNT.value)
        if len(words) != 2:
            raise ValueError(f"{written!r} is not an amount; write e.g. 10 COUNT or 20 GB")
        try:
            value = float(words[0])
        except ValueError:
            raise ValueError(f"{words[0]!r} is not a number") from None
        if words[1].upper() not in Unit.__members__:
            raise ValueError(f"{words[1]!r} is none of {', '.join(Unit.__members__)}")
        if not 0 <= value < float("inf"):
            raise ValueError(f"{words[0]} is no amount")
        return cls(value, Unit[words[1].upper()])

    @property
    def base(self) -> tuple[bool, int]:
        factor = self.unit.factor if self.unit.is_size else COUNT_RESOLUTION
        return self.unit.is_size, round(self.value * factor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Amount) and self.base == other.base

    def __hash__(self) -> int:
        return hash(self.base)

    def __str__(self) -> str:
        return f"{text.number(self.value)} {self.unit}"
