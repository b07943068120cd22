"""All verbs of VMs in one look; each is written in the file it comes from."""

from heliostat.controller.workflows.image_capture import vm_create_image
from heliostat.controller.workflows.vm_create import vm_create
from heliostat.controller.workflows.vm_delete import vm_delete
from heliostat.controller.workflows.vm_details import vm_add_tag, vm_set_metadata
from heliostat.controller.workflows.vm_disks import disk_attach, disk_detach
from heliostat.controller.workflows.vm_iso import check_iso_attach, iso_attach, iso_detach
from heliostat.controller.workflows.vm_power import (
    vm_restart,
    vm_resume,
    vm_start,
    vm_stop,
    vm_suspend,
)

__all__ = [
    "check_iso_attach",
    "disk_attach",
    "disk_detach",
    "iso_attach",
    "iso_detach",
    "vm_add_tag",
    "vm_create",
    "vm_create_image",
    "vm_delete",
    "vm_restart",
    "vm_resume",
    "vm_set_metadata",
    "vm_start",
    "vm_stop",
    "vm_suspend",
]
