"""Runs the benchmarks, each in a process of its own, and shows all figures together.

    python -m benchmarks [NAME …]

A name is a folder here; without names all run.  Ends with 1 when a benchmark
failed or a floor was missed; the others run nevertheless.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.record import RESULTS, Result, figure, results

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark there is."""
    return sorted(each.parent.name for each in FOLDER.glob("*/bench.py"))


def main(asked: list[str]) -> int:
    known = names()
    if unknown := sorted(set(asked) - set(known)):
        print(f"No benchmark is called {unknown[0]}; there are {', '.join(known)}.")
        return 2
    RESULTS.unlink(missing_ok=True)
    failed = [name for name in asked or known if not _run(name)]
    found = list(results())
    if found:
        print("\n" + table(found))
    for name in failed:
        print(f"benchmarks/{name}/bench.py failed")
    return 1 if failed or any(each.verdict == "MISSED" for each in found) else 0


def _run(name: str) -> bool:
    print(f"# {name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}.bench"]
    return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode == 0


def table(found: list[Result]) -> str:
    """The closing table, one row a workload."""
    rows = [("workload", "value", "unit", "floor", "goal", "reached", "beside")]
    for each in found:
        beside = f"{figure(each.ratio)}x {each.peer}" if each.ratio is not None else ""
        marks = (figure(each.floor), figure(each.goal), each.verdict, beside)
        rows.append((each.name, figure(each.value), each.unit, *marks))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
