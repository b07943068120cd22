"""All verbs of hosts in one look; each is written in the file it comes from."""

from heliostat.controller.workflows.host_contents import obstacles
from heliostat.controller.workflows.host_create import host_create, host_delete
from heliostat.controller.workflows.host_modes import (
    host_enter_maintenance,
    host_exit_maintenance,
    host_resume,
    host_suspend,
)
from heliostat.controller.workflows.host_provision import host_provision
from heliostat.controller.workflows.host_zone import host_set_zone

__all__ = [
    "host_create",
    "host_delete",
    "host_enter_maintenance",
    "host_exit_maintenance",
    "host_provision",
    "host_resume",
    "host_set_zone",
    "host_suspend",
    "obstacles",
]
