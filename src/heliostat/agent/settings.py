"""What can be set on an agent; the server's settings tree fills this in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class DatastoreSettings:
    """One ``[[agent.datastores]]``: a folder of this host that disks and images may lie in."""

    name: str = ""
    """How people call it; its identity is an id that the agent puts into the folder."""
    path: Path | None = None
    """The folder, best with a file system of its own; left out: the agent's home."""
    type: str = "OTHER"
    """LOCAL_VMFS, SHARED_VMFS, NFS_3, NFS_41, VSAN, EXT3 or OTHER."""
    tags: tuple[str, ...] = ()
    """Words that flavors can ask for: ``ssd`` serves those with ``storage.SSD``."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of one agent."""

    datastores: tuple[DatastoreSettings, ...] = ()
    """Where disks and images lie, the first preferred; none: one, ``local``, in the agent's home.
    Each is a ``[[agent.datastores]]`` with ``name``, ``path``, ``type`` and ``tags``."""
    networks: tuple[str, ...] = ()
    """Names of the networks (port groups) that this host is attached to; VMs can ask for one by
    an affinity."""
    concurrent_fetches: int = 2
    """Images fetched ahead of need at once; those that a VM waits for are not counted."""

    accelerator: Literal["auto", "kvm", "tcg"] = "auto"
    """``auto`` (KVM where a probe guest boots, else TCG), ``kvm`` or ``tcg``."""
    boot_bus: Literal["virtio", "nvme"] = "virtio"
    """``virtio`` or ``nvme``, for VMs that don't choose; guests on ``nvme`` can't be suspended."""
    probe_kernel: Path | None = None
    """Linux kernel that the KVM probe boots; without one, a readable ``/boot/vmlinuz-*``."""
    probe_initrd: Path | None = None
    """Initramfs of ``probe_kernel`` that prints ``probe_marker`` on the first serial line."""
    probe_marker: str = "HELIOSTAT-TINY-UP"
    """What user space of the probe guest prints."""
    concurrent_starts: int = 2
    """Guests started at once; a crowd starting together starves timers under emulation."""
    capture_threads: int = 1
    """CPU threads that compress a VM's disk when an image is made of it, below guests' priority."""
    sample_interval_s: float = 10.0
    """Seconds between two readings of the statistics."""
    history_s: float = 3600.0
    """Seconds of statistics kept in memory."""
    serial_log_max_bytes: int = 1 << 20
    """Size at which a guest's serial log is rotated."""
    serial_log_keep: int = 3
    """Rotated serial logs kept beside the current one."""
    facts_interval_s: float = 60.0
    """Seconds between two reports of the host's facts."""
    reconnect_min_s: float = 0.5
    """First pause before dialling again; doubles, with jitter."""
    reconnect_max_s: float = 30.0
    """Longest pause before dialling again."""
    retry_min_s: float = 1.0
    """First pause before a failed action is tried again; doubles."""
    retry_max_s: float = 60.0
    """Longest pause before a failed action is tried again."""
    crash_backoff_s: float = 2.0
    """Pause before a guest that crashed is started again; doubles with each crash."""
    crash_backoff_max_s: float = 300.0
    """Longest pause before a crashed guest is started again."""
    power_button_s: float = 10.0
    """Seconds until an unanswered power button is pressed again; a booting guest misses it."""
