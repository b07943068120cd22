"""Verbs of flavors: create and delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.flavor import (
    Flavor,
    FlavorKind,
    FlavorState,
    check_cost,
    flavor_kind,
)
from heliostat.controller.model.labels import check_labels
from heliostat.controller.model.names import check_name
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import DISKS, FLAVOR, FLAVORS, VMS, flavor_name
from heliostat.controller.workflows.requests import completed, refuse_busy
from heliostat.core.errors import PermanentError


async def flavor_create(
    ports: Ports,
    caller: Caller,
    name: str,
    kind: str,
    cost: Sequence[CostItem],
    labels: Mapping[str, str] | None = None,
) -> Admission:
    """A flavor; ``NameTaken`` if its kind has one of this name."""
    check_name(name)
    parsed = flavor_kind(kind)
    taken = flavor_name(parsed, name)
    if await FLAVORS.ids_by_index(ports.store, "name", taken):
        raise PermanentError("NameTaken", f"There is a flavor {name} of kind {parsed} already.")
    flavor = Flavor(
        id=ports.ids.new_id(),
        name=name,
        kind=parsed,
        cost=check_cost(parsed, cost),
        labels=check_labels(labels or {}),
        created_ms=ports.clock.now_ms(),
    )
    return Admission(
        task=completed(ports, caller, "CREATE_FLAVOR", FLAVOR, flavor.id),
        guards=(FLAVORS.unused("name", taken),),
        changes=tuple(FLAVORS.put(flavor)),
    )


async def flavor_delete(ports: Ports, caller: Caller, flavor_id: str) -> Admission:
    """Remove a flavor at once, or, while it is used, with its last user (PENDING_DELETE)."""
    stored = await reading.flavor(ports.store, flavor_id)
    flavor = stored.value
    refuse_busy("flavor", flavor)
    if flavor.state is FlavorState.PENDING_DELETE:
        raise PermanentError(
            "InvalidFlavorState", f"The flavor {flavor.name} is being deleted already."
        )
    task = completed(ports, caller, "DELETE_FLAVOR", FLAVOR, flavor_id)
    if await flavor_is_used(ports, flavor_id):
        pending = replace(flavor, state=FlavorState.PENDING_DELETE)
        return Admission(task, (FLAVORS.guard(stored),), tuple(FLAVORS.put(pending, flavor)))
    guards = (
        FLAVORS.guard(stored),
        VMS.unused("flavor", flavor_id),
        DISKS.unused("flavor", flavor_id),
    )
    return Admission(task, guards, tuple(FLAVORS.delete(flavor)))


async def flavor_is_used(ports: Ports, flavor_id: str) -> bool:
    """Whether a VM, one of its disks, or a persistent disk is of the flavor."""
    return bool(
        await VMS.ids_by_index(ports.store, "flavor", flavor_id)
        or await DISKS.ids_by_index(ports.store, "flavor", flavor_id)
    )


async def ready_flavor(ports: Ports, kind: FlavorKind, name: str) -> Stored[Flavor]:
    """The flavor that a spec names; ``InvalidFlavor`` or ``InvalidFlavorState``."""
    found = await FLAVORS.by_index(ports.store, "name", flavor_name(kind, name))
    if not found:
        raise PermanentError(
            "InvalidFlavor", f"There is no flavor {name!r} of kind {kind}.", data={"flavor": name}
        )
    flavor = found[0].value
    if flavor.state is not FlavorState.READY:
        raise PermanentError(
            "InvalidFlavorState", f"The flavor {name} of kind {kind} is {flavor.state}, not READY."
        )
    return found[0]
