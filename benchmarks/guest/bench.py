"""How soon a guest is there: start asked for through the API until its first console line.

    python -m benchmarks.guest.bench

A whole platform as `helio up` makes it, under emulation, with the tiny guest (a
busybox on Debian's cloud kernel).  The console is followed through the guest's log
file on this host, so that what is measured is the guest, not a poll through the API.
Beside the figure it prints how much of it was the platform's (until QEMU's process) and
how much the guest's own (firmware, boot loader, kernel).
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.record import record

from heliostat.client.client import Client
from heliostat.os.image.tiny import UP
from heliostat.testing.guests import tiny_guest
from heliostat.testing.platform import TestPlatform, furnish, made, platform, wait

ROUNDS = 7
FLOOR_S, GOAL_S = 8.0, 5.0
TIMEOUT_S = 120.0
POLL_S = 0.002


def main() -> None:
    with platform() as site:
        site.up()
        with site.client() as client:
            samples, processes = _measure(site, client)
    value = statistics.median(samples)
    record("guest.start", value, "s", floor=FLOOR_S, goal=GOAL_S, better="lower", samples=samples)
    before = statistics.median(processes)
    print(f"  until QEMU's process: {before:.2f} s; from there to the line: {value - before:.2f} s")


def _measure(site: TestPlatform, client: Client) -> tuple[list[float], list[float]]:
    """Seconds to the first line and to QEMU's process, of each round."""
    furnished = furnish(client, tiny_guest().disk)
    task = client.vms.create(furnished.project_id, furnished.vm()).submit()
    vm_id = made(wait(client, task))
    folder = site.home.agent / "vms" / vm_id
    log, pid = folder / "serial.log", folder / "qemu.pid"
    samples, processes = [], []
    for _ in range(ROUNDS):
        log.unlink(missing_ok=True)
        began = time.monotonic()
        task = client.vms.power(vm_id, "start").submit()
        processes.append(_until(pid, "", began))
        samples.append(_until(log, UP, began))
        wait(client, task)
        wait(client, client.vms.power(vm_id, "stop").submit())
    return samples, processes


def _until(path: Path, text: str, began: float) -> float:
    """Seconds since ``began`` when the file was there and had ``text`` in it."""
    while True:
        if path.exists() and text in path.read_text(errors="replace"):
            return time.monotonic() - began
        if time.monotonic() - began > TIMEOUT_S:
            raise SystemExit(f"{path} has no {text!r} after {TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)


if __name__ == "__main__":
    main()
