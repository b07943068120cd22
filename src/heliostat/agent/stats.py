"""Statistics: a reading every few seconds, kept for an hour in memory.

Rates come from totals of two readings, so the first reading of anything has none
yet.  A guest's network rates count what passes through the agent's own tunnels:
QEMU's user-mode network has no counters, and guessing would be worse than saying so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

from heliostat.agent.hypervisors.contract import Hypervisor, Usage
from heliostat.agentlink.messages import HostSample, VmSample
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.units import MIB


@dataclass(slots=True)
class Traffic:
    """Bytes that passed through a guest's tunnels since the agent started."""

    rx_bytes: int = 0
    tx_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Reading:
    at_s: float
    usage: Usage
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class HostTotals:
    """How much of a host is in use; what passed its network since it came up."""

    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    disk_used_bytes: int
    disk_total_bytes: int
    received_bytes: int
    sent_bytes: int


def read_totals(home: Path) -> HostTotals:
    """This machine's; the disk is the one that holds ``home``."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(home))
    network = psutil.net_io_counters()
    return HostTotals(
        cpu_percent=psutil.cpu_percent(),
        memory_used_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
        disk_used_bytes=disk.used,
        disk_total_bytes=disk.total,
        received_bytes=network.bytes_recv,
        sent_bytes=network.bytes_sent,
    )


class Statistics:
    """Rings of samples of the host and of each guest."""

    def __init__(
        self,
        home: Path,
        hypervisor: Hypervisor,
        clock: Clock,
        *,
        interval_s: float,
        keep_s: float,
        totals: Callable[[Path], HostTotals] = read_totals,
    ) -> None:
        self._home = home
        self._totals = totals
        self._hypervisor = hypervisor
        self._clock = clock
        self._length = max(int(keep_s / interval_s), 1)
        self._host: deque[HostSample] = deque(maxlen=self._length)
        self._vms: dict[str, deque[VmSample]] = {}
        self._readings: dict[str, _Reading] = {}
        self._traffic: dict[str, Traffic] = {}
        self._host_before: tuple[float, int, int] | None = None

    @property
    def host(self) -> list[HostSample]:
        return list(self._host)

    def vm(self, vm_id: str) -> list[VmSample]:
        return list(self._vms.get(vm_id, ()))

    def traffic(self, vm_id: str) -> Traffic:
        """The counters that tunnels to a guest add to."""
        return self._traffic.setdefault(vm_id, Traffic())

    def forget(self, vm_id: str) -> None:
        for kept in (self._vms, self._readings, self._traffic):
            kept.pop(vm_id, None)

    async def sample(self, running: list[str]) -> None:
        """Read the host and the guests that run."""
        self._host.append(self._host_sample(len(running)))
        for vm_id in running:
            try:
                usage = await self._hypervisor.usage(vm_id)
            except HeliostatError:
                continue  # it is just ending, or busy; the next reading covers the gap
            if usage is not None:
                self._add(vm_id, usage)
        for vm_id in [each for each in self._readings if each not in running]:
            del self._readings[vm_id]

    def _add(self, vm_id: str, usage: Usage) -> None:
        traffic = self.traffic(vm_id)
        now = _Reading(self._clock.monotonic_s(), usage, traffic.rx_bytes, traffic.tx_bytes)
        before = self._readings.get(vm_id)
        self._readings[vm_id] = now
        if before is None or before.usage.cpu_s > usage.cpu_s:
            return
        ring = self._vms.setdefault(vm_id, deque(maxlen=self._length))
        ring.append(vm_sample(self._clock.now_ms(), before, now))

    def _host_sample(self, running: int) -> HostSample:
        found = self._totals(self._home)
        now = (self._clock.monotonic_s(), found.received_bytes, found.sent_bytes)
        before, self._host_before = self._host_before or now, now
        passed_s = now[0] - before[0]
        return HostSample(
            at_ms=self._clock.now_ms(),
            cpu_percent=found.cpu_percent,
            memory_used_mib=found.memory_used_bytes / MIB,
            memory_total_mib=found.memory_total_bytes / MIB,
            disk_used_bytes=found.disk_used_bytes,
            disk_total_bytes=found.disk_total_bytes,
            net_rx_bytes_per_s=_rate(before[1], now[1], passed_s),
            net_tx_bytes_per_s=_rate(before[2], now[2], passed_s),
            guests_running=running,
        )


def vm_sample(at_ms: int, before: _Reading, now: _Reading) -> VmSample:
    """What happened between two readings; pure."""
    passed_s = now.at_s - before.at_s
    old, new = before.usage, now.usage
    return VmSample(
        at_ms=at_ms,
        cpu_percent=100 * _rate(old.cpu_s, new.cpu_s, passed_s),
        memory_rss_mib=new.memory_rss_bytes / MIB,
        disk_read_bytes_per_s=_rate(old.disk_read_bytes, new.disk_read_bytes, passed_s),
        disk_write_bytes_per_s=_rate(old.disk_write_bytes, new.disk_write_bytes, passed_s),
        net_rx_bytes_per_s=_rate(before.rx_bytes, now.rx_bytes, passed_s),
        net_tx_bytes_per_s=_rate(before.tx_bytes, now.tx_bytes, passed_s),
    )


def _rate(before: float, now: float, passed_s: float) -> float:
    """Per second; a total that went back (a device was unplugged) counts as no progress."""
    return max(now - before, 0) / passed_s if passed_s > 0 else 0.0
