"""Decisions in words: one sentence with its numbers."""

from __future__ import annotations

from heliostat.controller.scheduler.decision import Candidate, PlacementRequest
from heliostat.core.units import GIB


def praise(best: Candidate, considered: int, fitting: int, ruled_out: dict[str, int]) -> str:
    """Why ``best`` was chosen."""
    parts = ", ".join(f"{name} {value:g}" for name, value in best.parts.items())
    return (
        f"Host {best.host_id} scores best with {best.score:g} of 100 ({parts}); "
        f"{fitting} of {considered} {_hosts(considered)} fit{_counted(ruled_out)}."
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
    wants.append(f"{request.disk_bytes / GIB:.4g} GiB of disk")
    return ", ".join(wants)


def _counted(ruled_out: dict[str, int]) -> str:
    if not ruled_out:
        return ""
    counts = ", ".join(f"{reason}: {count}" for reason, count in ruled_out.items())
    return f" (ruled out by {counts})"


def _hosts(count: int) -> str:
    return "host" if count == 1 else "hosts"
