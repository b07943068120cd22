"""Many VMs or disks at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from heliostat.controller.api.call import Call
from heliostat.controller.api.disks import read_disk
from heliostat.controller.api.handler import Decides, Handler
from heliostat.controller.api.vms import read_vm
from heliostat.controller.model.bulk import numbered
from heliostat.controller.model.names import invalid
from heliostat.controller.model.selector import Selector, parse_selector
from heliostat.controller.workflows import bulk_create, bulk_delete
from heliostat.controller.workflows.admission import Admission, Caller
from heliostat.wire import bulk as wire
from heliostat.wire.disks import DiskCreateSpec
from heliostat.wire.vms import VmCreateSpec

S = TypeVar("S", VmCreateSpec, DiskCreateSpec)
T = TypeVar("T")


def _specs(
    given: list[S] | None,
    template: S | None,
    body: wire.BulkVmsSpec | wire.BulkDisksSpec,
    read: Callable[[S], T],
) -> list[T]:
    """The specs of either form; ``InvalidEntity`` for both or none."""
    if (given is None) == (template is None):
        raise invalid("specs", "give either specs, or a template with count and namePattern")
    if template is None:
        return [read(each) for each in given or ()]
    names = numbered(body.name_pattern or template.name, body.count, body.start)
    return [read(replace(template, name=name)) for name in names]


async def _create_vms(call: Call, caller: Caller) -> Admission:
    body: wire.BulkVmsSpec = call.body
    specs = _specs(body.specs, body.template, body, read_vm)
    return await bulk_create.create_vms(call.ports, caller, call.id, specs, keep=body.keep_partial)


async def _create_disks(call: Call, caller: Caller) -> Admission:
    body: wire.BulkDisksSpec = call.body
    specs = _specs(body.specs, body.template, body, read_disk)
    return await bulk_create.create_disks(
        call.ports, caller, call.id, specs, keep=body.keep_partial
    )


async def _delete_vms(call: Call, caller: Caller) -> Admission:
    return await bulk_delete.delete_vms(call.ports, caller, call.id, _selector(call))


async def _delete_disks(call: Call, caller: Caller) -> Admission:
    return await bulk_delete.delete_disks(
        call.ports, caller, call.id, _selector(call), now=call.body.now
    )


def _selector(call: Call) -> Selector:
    """What to delete has to be said: an empty selector would select everything."""
    selector = parse_selector(call.body.selector)
    if not selector.requirements:
        raise invalid("selector", "an empty one selects everything; name at least one label")
    return selector


HANDLERS: dict[str, Handler] = {
    "createVms": Decides(_create_vms),
    "createDisks": Decides(_create_disks),
    "deleteVms": Decides(_delete_vms),
    "deleteDisks": Decides(_delete_disks),
}
