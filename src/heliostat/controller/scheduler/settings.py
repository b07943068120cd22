"""What placement may promise and what it prefers."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.core.settings import bounded


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Limits first, weights after; weights only matter relative to each other."""

    cpu_overcommit: float = bounded(16.0, 0.1, 1000.0)
    """Virtual CPUs promised for each CPU of a host; guests rarely all compute at once."""

    memory_overcommit: float = bounded(1.0, 0.1, 100.0)
    """Memory promised for each byte of a host; above 1 guests may be killed for lack of it."""

    disk_overcommit: float = bounded(1.0, 0.1, 1000.0)
    """Disk promised for each byte of a datastore; disks are thin, so above 1 works until full."""

    fill_limit: float = bounded(0.95, 0.01, 1.0)
    """How full (0 to 1) a host's memory and a datastore may become by promises."""

    weight_memory: float = 0.3
    """For the memory that stays free on the host, as a fraction of all."""

    weight_cpu: float = 0.2
    """For the promised CPUs that stay free."""

    weight_disk: float = 0.2
    """For the space that stays free on the datastore that the disks go to."""

    weight_image: float = 0.2
    """For having the image already: the VM is ready sooner and nothing is copied."""

    weight_spread: float = 0.1
    """For having few machines of the same project: one dead host then hurts it less."""

    weight_preference: float = 0.5
    """For the preferred affinities that a host meets, as a fraction of all that were given."""

    ranking: int = 3
    """How many of the best hosts a decision names."""
