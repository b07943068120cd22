"""Decisions in words: one sentence with its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.controller.scheduler.decision import Candidate, Preference
from heliostat.controller.scheduler.request import PlacementRequest
from heliostat.core.units import GIB


def praise(
    best: Candidate,
    considered: int,
    fitting: int,
    ruled_out: dict[str, int],
    wishes: Sequence[Preference] = (),
) -> str:
    """Why ``best`` was chosen."""
    parts = ", ".join([f"{name} {value:g}" for name, value in best.parts.items()])
    return (
        f"Host {best.address} ({best.host_id}) scores best with {best.score:g} of 100 ({parts}); "
        f"{fitting} of {considered} {_hosts(considered)} fit{_counted(ruled_out)}"
        f"{_preferred(wishes)}."
    )


def refusal(considered: int, ruled_out: dict[str, int], request: PlacementRequest) -> str:
    """Why no host was chosen."""
    if not considered:
        return "There is no host yet."
    fleet = f"{considered} {_hosts(considered)}"
    return f"None of {fleet} fits {_asked(request)}{_counted(ruled_out)}."


def _asked(request: PlacementRequest) -> str:
    wants = []
    if request.cpu_count:
        wants.append(f"{request.cpu_count} CPUs")
    if request.memory_mib:
        wants.append(f"{request.memory_mib} MiB of memory")
    tags = sorted({tag for disk in request.disks for tag in disk.tags})
    on = f" on {' '.join(tags)}" if tags else ""
    wants.append(f"{request.disk_bytes / GIB:.4g} GiB of disk{on}")
    terms = "".join(f", {term.words()}" for term in request.terms)
    return ", ".join(wants) + terms


def _counted(ruled_out: dict[str, int]) -> str:
    if not ruled_out:
        return ""
    counts = ", ".join([f"{reason}: {count}" for reason, count in ruled_out.items()])
    return f" (ruled out by {counts})"


def _preferred(wishes: Sequence[Preference]) -> str:
    if not wishes:
        return ""
    met = [each.wish for each in wishes if each.met]
    missed = [each.wish for each in wishes if not each.met]
    told = f"; {len(met)} of {len(wishes)} preferences met"
    return f"{told}, not: {', '.join(missed)}" if missed else told


def _hosts(count: int) -> str:
    return "host" if count == 1 else "hosts"
