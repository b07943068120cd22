"""Every chore by its name, and every workflow that the task engine runs."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.controller.chores.content import CONTENT
from heliostat.controller.chores.contract import Chore
from heliostat.controller.chores.datastores import DATASTORES_CHORE
from heliostat.controller.chores.deleted_disks import DELETED_DISKS
from heliostat.controller.chores.images import IMAGE_COPIES
from heliostat.controller.chores.leases import LEASES
from heliostat.controller.chores.leftovers import LEFTOVERS
from heliostat.controller.chores.reservations import RESERVATIONS_CHORE
from heliostat.controller.chores.tasks import TASKS
from heliostat.controller.chores.tombstones import TOMBSTONES
from heliostat.controller.chores.trail import TRAIL
from heliostat.controller.doctor.repair import REPAIR
from heliostat.controller.workflows import catalogue
from heliostat.tasks.model import Workflow

CHORES: Mapping[str, Chore] = {
    each.name: each
    for each in (
        TOMBSTONES,
        RESERVATIONS_CHORE,
        TASKS,
        CONTENT,
        LEASES,
        DELETED_DISKS,
        TRAIL,
        IMAGE_COPIES,
        LEFTOVERS,
        DATASTORES_CHORE,
    )
}

WORKFLOWS: Mapping[str, Workflow] = {
    **catalogue.WORKFLOWS,
    REPAIR.operation: REPAIR,
    **{each.workflow.operation: each.workflow for each in CHORES.values()},
}
