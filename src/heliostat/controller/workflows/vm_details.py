"""Verbs that change what is written about a VM, not the machine: metadata, tags."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.names import check_tag, invalid
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import VM, VMS
from heliostat.controller.workflows.requests import completed, refuse_busy

MAX_TAGS = 256
MAX_METADATA_BYTES = 64 << 10


async def vm_set_metadata(
    ports: Ports, caller: Caller, vm_id: str, metadata: Mapping[str, str]
) -> Admission:
    """Replace the VM's metadata."""
    stored = await reading.vm(ports.store, vm_id)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        raise invalid("metadata", f"{size} bytes are more than {MAX_METADATA_BYTES}")
    changed = replace(stored.value, metadata=dict(metadata))
    return _admit(ports, caller, "SET_METADATA", stored, changed)


async def vm_add_tag(ports: Ports, caller: Caller, vm_id: str, tag: str) -> Admission:
    """Add a tag; a tag that is there already changes nothing."""
    stored = await reading.vm(ports.store, vm_id)
    check_tag(tag)
    tags = tuple(dict.fromkeys((*stored.value.tags, tag)))
    if len(tags) > MAX_TAGS:
        raise invalid("value", f"a VM has at most {MAX_TAGS} tags")
    return _admit(ports, caller, "ADD_TAG", stored, replace(stored.value, tags=tags))


def _admit(
    ports: Ports, caller: Caller, operation: str, stored: Stored[Vm], changed: Vm
) -> Admission:
    refuse_busy("VM", stored.value)
    task = completed(
        ports,
        caller,
        operation,
        VM,
        changed.id,
        tenant_id=changed.tenant_id,
        project_id=changed.project_id,
    )
    return Admission(task, (VMS.guard(stored),), tuple(VMS.put(changed, stored.value)))
