"""Every workflow by its operation: what the task engine runs."""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.controller.workflows import (
    bulk_create,
    bulk_delete,
    disk_create,
    disk_delete,
    host_create,
    host_modes,
    host_provision,
    host_zone,
    hosts_sync,
    image,
    image_capture,
    image_datastores,
    project_delete,
    tenant,
    vm_create,
    vm_delete,
    vm_disks,
    vm_iso,
    vm_power,
)
from heliostat.tasks.model import Workflow

WORKFLOWS: Mapping[str, Workflow] = {
    workflow.operation: workflow
    for workflow in (
        tenant.SECURITY_GROUPS,
        project_delete.DELETE_PROJECT,
        bulk_create.CREATE_VMS,
        bulk_create.CREATE_DISKS,
        bulk_delete.DELETE_VMS,
        bulk_delete.DELETE_DISKS,
        image.CREATE_IMAGE,
        image_capture.CREATE_VM_IMAGE,
        vm_create.CREATE_VM,
        vm_delete.DELETE_VM,
        *vm_power.WORKFLOWS.values(),
        vm_disks.ATTACH_DISK,
        vm_disks.DETACH_DISK,
        vm_iso.ATTACH_ISO,
        vm_iso.DETACH_ISO,
        disk_create.CREATE_DISK,
        disk_delete.DELETE_DISK,
        host_create.CREATE_HOST,
        host_create.DELETE_HOST,
        host_provision.PROVISION_HOST,
        host_zone.SET_ZONE,
        *host_modes.WORKFLOWS.values(),
        image_datastores.UPDATE_IMAGE_DATASTORES,
        hosts_sync.SYNC_HOSTS_CONFIG,
    )
}
