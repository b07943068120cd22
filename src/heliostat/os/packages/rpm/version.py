"""Versions as RPM orders them: epoch, version, release.

The order is RPM's own (``rpmvercmp``, manual page ``rpm-version(7)``): runs of digits and
of letters are compared one after another, ``~`` sorts before everything, ``^`` after the
end but before any further text.  Pure; tested beside librpm.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_EPOCH = re.compile(r"([0-9]{1,10}):")  # RPM keeps it in 32 bits
_SEGMENT = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")


@functools.total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Evr:
    """Epoch, version and release; a missing epoch is 0, a missing release is empty."""

    epoch: int
    version: str
    release: str

    @classmethod
    def parse(cls, text: str) -> Evr:
        """``[epoch:]version[-release]``."""
        found = _EPOCH.match(text)
        epoch, rest = (found[1], text[found.end() :]) if found else ("0", text)
        version, _, release = rest.partition("-")
        return cls(int(epoch), version, release)

    def __str__(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{epoch}{self.version}" + (f"-{self.release}" if self.release else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evr) and self._compared(other) == 0

    def __lt__(self, other: Evr) -> bool:
        return self._compared(other) < 0

    def __hash__(self) -> int:
        """Equal versions may be spelt differently (``1.0`` and ``1.00``)."""
        spelt = (_segments(self.version), _segments(self.release))
        return hash((self.epoch, *(tuple(_plain(each) for each in part) for part in spelt)))

    def _compared(self, other: Evr) -> int:
        if self.epoch != other.epoch:
            return -1 if self.epoch < other.epoch else 1
        return compare(self.version, other.version) or compare(self.release, other.release)


def compare(one: str, two: str) -> int:
    """-1, 0 or 1: ``rpmvercmp`` of two versions, or of two releases."""
    if one == two:
        return 0
    ones, twos = _segments(one), _segments(two)
    for left, right in zip(ones, twos, strict=False):
        order = _segment_order(left, right)
        if order:
            return order
    if len(ones) == len(twos):
        return 0
    longer, sign = (ones, 1) if len(ones) > len(twos) else (twos, -1)
    return -sign if longer[min(len(ones), len(twos))] == "~" else sign


def _segments(text: str) -> list[str]:
    return _SEGMENT.findall(text)


def _plain(segment: str) -> str:
    return segment.lstrip("0") if segment.isdigit() else segment


def _segment_order(left: str, right: str) -> int:
    for mark in ("~", "^"):
        if mark in (left, right) and left != right:
            return -1 if left == mark else 1
    if left.isdigit() != right.isdigit():
        return 1 if left.isdigit() else -1
    if left.isdigit():
        # as text: a number of any length may come from a stranger's package
        one, two = ((len(each), each) for each in (_plain(left), _plain(right)))
        return (one > two) - (one < two)
    return (left > right) - (left < right)
