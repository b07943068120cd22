"""Where every benchmark writes down what it measured, beside what was expected.

``record`` appends one JSON object a line to ``results.jsonl`` in this folder (not
committed; ``make bench`` starts it afresh) and prints one readable line.  A name
stands for one workload and is recorded once a run.  ``floor`` is what must be
reached, ``goal`` what should be; raw samples are kept, so that a number can be
judged later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(os.environ.get("HELIO_BENCH_RESULTS", Path(__file__).with_name("results.jsonl")))

Better = Literal["lower", "higher"]


class RecordedTwiceError(Exception):
    """A name was recorded before in this run: two workloads would share one line."""


@dataclass(frozen=True, slots=True)
class Result:
    """One workload's figure; ``ratio`` is how many times better it is than the peer's."""

    name: str
    value: float
    unit: str
    floor: float
    goal: float
    better: Better
    samples: Sequence[float]
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None

    def reaches(self, mark: float) -> bool:
        return self.value <= mark if self.better == "lower" else self.value >= mark

    @property
    def verdict(self) -> str:
        """``goal``, ``floor``, or ``MISSED`` where not even the floor is reached."""
        if self.reaches(self.goal):
            return "goal"
        return "floor" if self.reaches(self.floor) else "MISSED"

    def sentence(self) -> str:
        """The line that people read."""
        sign = "≤" if self.better == "lower" else "≥"
        marks = f"floor {sign} {figure(self.floor)}, goal {sign} {figure(self.goal)}"
        beside = ""
        if self.peer is not None and self.ratio is not None:
            beside = f"; {figure(self.ratio)} times {self.peer}"
        return f"{self.name}: {figure(self.value)} {self.unit} ({marks}: {self.verdict}{beside})"


def record(
    name: str,
    value: float,
    unit: str,
    *,
    floor: float,
    goal: float,
    better: Better,
    samples: Sequence[float],
    peer: str | None = None,
    peer_value: float | None = None,
    ratio: float | None = None,
) -> Result:
    """Write one figure down; raises ``RecordedTwiceError`` for a name that is there already.

    Without ``ratio`` it is computed from ``peer_value``, above 1 where we are better.
    """
    if any(each.name == name for each in results()):
        raise RecordedTwiceError(f"{name} is in {RESULTS} already; `make bench` begins anew")
    if ratio is None and peer_value:
        ratio = peer_value / value if better == "lower" else value / peer_value
    result = Result(name, value, unit, floor, goal, better, list(samples), peer, peer_value, ratio)
    with RESULTS.open("a", encoding="utf-8") as lines:
        told = {key: each for key, each in asdict(result).items() if each is not None}
        lines.write(json.dumps(told) + "\n")
    print(result.sentence(), flush=True)
    return result


def results() -> Iterator[Result]:
    """What was recorded in this run so far."""
    if RESULTS.exists():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            yield Result(**json.loads(line))


def figure(number: float) -> str:
    """Three digits that matter, thousands set apart."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
