"""Subnets: the one that exists, which VMs may name, and which is the default."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from heliostat.cloudstore.contract import Change, Guard, GuardFailed
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.subnet import Subnet, user_subnet
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.kinds import SUBNET, SUBNETS
from heliostat.controller.workflows.requests import completed
from heliostat.core.errors import PermanentError

MOST_OF_A_VM = 1


async def ensure_subnet(ports: Ports) -> None:
    """Make the default subnet unless it is there."""
    subnet = user_subnet(ports.clock.now_ms())
    if await SUBNETS.get(ports.store, subnet.id) is None:
        try:
            await ports.store.commit([SUBNETS.absent(subnet.id)], SUBNETS.put(subnet))
        except GuardFailed:
            return  # another controller of the site was first


async def subnets_of_vm(ports: Ports, asked: Sequence[str]) -> tuple[Stored[Subnet], ...]:
    """The subnets that a new VM is connected to: those asked for, else the default.

    Raises ``NetworkNotFound`` and ``InvalidNetworkConfig``.
    """
    if len(asked) > MOST_OF_A_VM:
        raise PermanentError(
            "InvalidNetworkConfig",
            f"{len(asked)} subnets were asked for; a VM has {MOST_OF_A_VM} network card.",
            data={"asked": len(asked), "allowed": MOST_OF_A_VM},
        )
    if asked:
        return tuple([await reading.subnet(ports.store, id_) for id_ in asked])
    every = await SUBNETS.all(ports.store)
    return tuple(each for each in every if each.value.is_default)


async def subnet_set_default(ports: Ports, caller: Caller, subnet_id: str) -> Admission:
    """Connect VMs that name no subnet to this one from now on."""
    chosen = await reading.subnet(ports.store, subnet_id)
    guards: list[Guard] = []
    changes: list[Change] = []
    for stored in await SUBNETS.all(ports.store):
        is_default = stored.value.id == chosen.value.id
        guards.append(SUBNETS.guard(stored))
        if stored.value.is_default != is_default:
            changed = replace(stored.value, is_default=is_default)
            changes.extend(SUBNETS.put(changed, stored.value))
    task = completed(ports, caller, "SET_DEFAULT_SUBNET", SUBNET, subnet_id)
    return Admission(task, guards, changes)
