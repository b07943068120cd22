"""How long ``helio --help`` takes, against starting Python itself.

Threshold: 150 ms at the median on an idle machine.  Run it by hand:
``python benchmarks/cli/bench.py``; it prints raw samples and exits with 1 when
the threshold is passed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

RUNS = 20
THRESHOLD_MS = 150.0
WORKLOADS = {
    "python": ["-c", "pass"],
    "helio --help": ["-m", "heliostat.cli", "--help"],
    "helio vm --help": ["-m", "heliostat.cli", "vm", "--help"],
}


def measure(arguments: list[str]) -> list[float]:
    """Milliseconds of each run; the first, which fills caches, is left out."""
    samples = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        samples.append((time.perf_counter() - began) * 1000)
    return samples[1:]


def main() -> int:
    """Measure all, print, judge."""
    found = {name: measure(arguments) for name, arguments in WORKLOADS.items()}
    medians = {name: round(statistics.median(samples), 1) for name, samples in found.items()}
    print(json.dumps({"median_ms": medians, "threshold_ms": THRESHOLD_MS, "samples_ms": found}))
    return 0 if medians["helio --help"] <= THRESHOLD_MS else 1


if __name__ == "__main__":
    sys.exit(main())
