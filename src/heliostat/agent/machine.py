"""What the agent asks of the operating system it runs on, as a seam.

One object with three questions, all answered by the real machine unless somebody
(the simulator) answers instead.  Everything else the agent touches is a path, a
link or a hypervisor, which are seams of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heliostat.agent.facts import host_facts
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
