"""Every operation that the simulation knows, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.sim.operations import actions, fleet, machines, owners, site
from heliostat.sim.operations.asking import Operation

OPERATIONS: Mapping[str, Operation] = {
    each.name: each
    for each in (
        *machines.OPERATIONS,
        *owners.OPERATIONS,
        *fleet.OPERATIONS,
        *actions.OPERATIONS,
        *site.OPERATIONS,
    )
}
