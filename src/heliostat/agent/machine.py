"""What the agent asks of the operating system it runs on, as a seam.

One object with a few questions, all answered by the real machine unless somebody
(the simulator) answers instead.  Everything else the agent touches is a path, a
link or a hypervisor, which are seams of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heliostat.agent.facts import capacity, host_facts
from heliostat.agent.seed import write_seed
from heliostat.agent.stats import HostTotals, read_totals
from heliostat.agentlink.messages import DesiredVm, HostFacts


@dataclass(frozen=True, slots=True)
class Machine:
    """The host's own answers."""

    facts: Callable[..., HostFacts] = host_facts
    """What the host has; called as :func:`heliostat.agent.facts.host_facts` is."""

    totals: Callable[[Path], HostTotals] = read_totals
    """How much of it is in use now."""

    write_seed: Callable[[DesiredVm, Path], None] = write_seed
    """Makes a guest's seed disk; blocks for some 0.1 s."""

    capacity: Callable[[Path], tuple[int, int]] = capacity
    """Total and free bytes of the file system that a datastore lies on."""

    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    """Names a datastore that has no id yet."""
