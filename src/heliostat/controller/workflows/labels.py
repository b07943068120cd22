"""The verb that changes labels, one for every noun that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from heliostat.cloudstore.documents import Kind
from heliostat.controller.model.labels import changed
from heliostat.controller.model.vm import Vm
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.releasing import Part, relabelled
from heliostat.controller.workflows.requests import completed, refuse_busy
from heliostat.core.errors import PermanentError

LABELLED: Mapping[str, Kind[Any]] = {
    kinds.TENANT: kinds.TENANTS,
    kinds.PROJECT_KIND: kinds.PROJECTS,
    kinds.FLAVOR: kinds.FLAVORS,
    kinds.IMAGE: kinds.IMAGES,
    kinds.VM: kinds.VMS,
    kinds.DISK: kinds.DISKS,
    kinds.HOST: kinds.HOSTS,
}


async def labels_change(
    ports: Ports,
    caller: Caller,
    kind: str,
    entity_id: str,
    set_: Mapping[str, str],
    remove: Iterable[str],
) -> Admission:
    """Set and remove labels of the entity; ``kind`` is as tasks name it."""
    owner = await reading.owner_of(ports.store, kind, entity_id)  # or <Noun>NotFound
    stored_as = LABELLED[kind]
    stored = await stored_as.get(ports.store, entity_id)
    if stored is None:
        raise PermanentError("NotFound", f"The {kind} {entity_id} went away just now.")
    refuse_busy(kind, stored.value)
    labels = changed(stored.value.labels, set_, remove)
    task = completed(
        ports,
        caller,
        "CHANGE_LABELS",
        kind,
        entity_id,
        tenant_id=owner.tenant_id,
        project_id=owner.project_id,
    )
    after = replace(stored.value, labels=labels)
    part = await relabelled(ports.store, after) if isinstance(after, Vm) else Part()
    return Admission(
        task,
        (stored_as.guard(stored), *part.guards),
        (*stored_as.put(after, stored.value), *part.changes),
    )
