"""All verbs of persistent disks in one look; each is written in the file it comes from."""

from heliostat.controller.workflows.disk_create import disk_create
from heliostat.controller.workflows.disk_delete import disk_delete
from heliostat.controller.workflows.disk_keep import disk_discard, disk_restore
from heliostat.controller.workflows.vm_disks import disk_attach, disk_detach

__all__ = [
    "disk_attach",
    "disk_create",
    "disk_delete",
    "disk_detach",
    "disk_discard",
    "disk_restore",
]
