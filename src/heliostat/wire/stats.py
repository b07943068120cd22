"""Statistics of hosts and guests: samples of the last hour, oldest first.

They are kept by the agents, not in the store.
"""

from __future__ import annotations

from heliostat.wire.body import Response


class HostSample(Response):
    """One reading of a host; percentages of all CPUs, rates per second, time in ms."""

    at_ms: int
    cpu_percent: float
    memory_used_mib: float
    memory_total_mib: float
    disk_used_bytes: int
    disk_total_bytes: int
    net_rx_bytes_per_s: float
    net_tx_bytes_per_s: float
    guests_running: int


class HostStats(Response):
    """The last hour of a host."""

    id: str
    samples: list[HostSample]


class VmSample(Response):
    """One reading of a guest; CPU in percent of one CPU, rates per second, time in ms."""

    at_ms: int
    cpu_percent: float
    memory_rss_mib: float
    disk_read_bytes_per_s: float
    disk_write_bytes_per_s: float
    net_rx_bytes_per_s: float
    net_tx_bytes_per_s: float


class VmStats(Response):
    """The last hour of a guest."""

    id: str
    samples: list[VmSample]
