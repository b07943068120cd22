"""How long `helio` takes to say what it can do, beside starting Python itself.

    python -m benchmarks.cli.bench

Each run is a process of its own; commands take turns, so that noise hits all.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.record import record

RUNS = 20
PYTHON = ["-c", "pass"]
WORKLOADS = {
    "cli.help": ["-m", "heliostat.cli", "--help"],
    "cli.vm_help": ["-m", "heliostat.cli", "vm", "--help"],
}


def run_ms(arguments: list[str]) -> float:
    """Milliseconds from the start of the process to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    samples: dict[str, list[float]] = {name: [] for name in WORKLOADS}
    bare: list[float] = []
    for number in range(RUNS + 1):
        for name, arguments in WORKLOADS.items():
            samples[name].append(run_ms(arguments))
        bare.append(run_ms(PYTHON))
        if number == 0:  # it filled the caches of files and byte code
            for each in (*samples.values(), bare):
                each.clear()
    for name, found in samples.items():
        record(
            name,
            statistics.median(found),
            "ms",
            floor=150,
            goal=80,
            better="lower",
            samples=found,
            peer="python -c pass",
            peer_value=statistics.median(bare),
        )


if __name__ == "__main__":
    main()
