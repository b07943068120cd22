"""What this host has, as the scheduler wants to know it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

from heliostat import __version__
from heliostat.agentlink.messages import HostFacts
from heliostat.core.units import MIB

DATASTORE = "local"


def capacity(root: Path) -> tuple[int, int]:
    """Total and free bytes of the file system that holds ``root``."""
    usage = psutil.disk_usage(str(root))
    return usage.total, usage.free


def host_facts(
    home: Path, *, hypervisor: str, accelerator: str, images: tuple[str, ...]
) -> HostFacts:
    """Facts as of now; the disk is the one that holds ``home``."""
    disk = psutil.disk_usage(str(home))
    return HostFacts(
        hostname=socket.gethostname(),
        cpu_count=len(os.sched_getaffinity(0)),
        memory_mib=psutil.virtual_memory().total // MIB,
        disk_total_bytes=disk.total,
        disk_free_bytes=disk.free,
        datastore=DATASTORE,
        accelerator=accelerator,
        hypervisor=hypervisor,
        agent_version=__version__,
        images=images,
    )
