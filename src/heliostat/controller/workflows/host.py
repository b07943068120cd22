"""All verbs of hosts in one look; each is written in the file it comes from."""

from heliostat.controller.workflows.host_create import host_create, host_delete
from heliostat.controller.workflows.host_modes import (
    host_enter_maintenance,
    host_exit_maintenance,
    host_resume,
    host_suspend,
)

__all__ = [
    "host_create",
    "host_delete",
    "host_enter_maintenance",
    "host_exit_maintenance",
    "host_resume",
    "host_suspend",
]
