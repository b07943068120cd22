"""Samples of hosts and guests as a summary (last, mean, highest) or one by one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cli import text
from heliostat.cli.session import Session

_TIME = "atMs"


def show_samples(
    session: Session, samples: Sequence[msgspec.Struct], whole: msgspec.Struct, *, every: bool
) -> None:
    """Print ``samples``; ``whole`` is the answer they came in, for ``-o json``."""
    output = session.output
    if output.json:
        output.value(whole)
        return
    rows = [msgspec.to_builtins(sample) for sample in samples]
    if not rows:
        output.note("No samples yet; the agent takes one every few seconds.")
    elif every:
        names = [name for name in rows[0] if name != _TIME]
        cells = [
            [text.moment(row[_TIME]), *(reading(n, row.get(n, 0)) for n in names)] for row in rows
        ]
        output.table(["time", *map(title, names)], cells)
    else:
        output.table(["", "now", "mean", "highest"], summary(rows))


def summary(rows: Sequence[dict[str, float]]) -> list[list[str]]:
    """A row a quantity: its last value, mean and maximum."""
    names = dict.fromkeys(name for row in rows for name in row if name != _TIME)
    table = []
    for name in names:
        values = [row.get(name, 0) for row in rows]
        mean = sum(values) / len(values)
        table.append([title(name), *(reading(name, v) for v in (values[-1], mean, max(values)))])
    return table


def title(name: str) -> str:
    """``diskReadBytesPerS`` as "disk read": the unit stands with the number."""
    for unit in ("BytesPerS", "Bytes", "Percent", "Mib"):
        name = name.removesuffix(unit)
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def reading(name: str, value: float) -> str:
    """A value with its unit, which its name tells."""
    if name.endswith("BytesPerS"):
        return f"{text.size(value)}/s"
    if name.endswith("Bytes"):
        return text.size(value)
    if name.endswith("Mib"):
        return text.size(value * (1 << 20))
    if name.endswith("Percent"):
        return f"{value:.1f} %"
    return text.number(value)
