"""Provisioning a host: waiting until its agent has joined, which makes it READY.

Nothing is installed from here: the agent comes with the operating system or is
started by hand with a join token.  The task shows what is waited for.
"""

from __future__ import annotations

from msgspec.structs import replace

from heliostat.controller.model.host import HostState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.convergence import until
from heliostat.controller.workflows.kinds import HOST, HOSTS, INVENTORIES
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.controller.workflows.steps import ports_of
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, StepContext, StepDefinition, Workflow

_ALLOWED = frozenset({HostState.NOT_PROVISIONED, HostState.READY, HostState.ERROR})


async def host_provision(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """Make a host READY once its agent is there; a READY host stays as it is."""
    stored = await reading.host(ports.store, host_id)
    host = stored.value
    refuse_busy("host", host)
    if host.state not in _ALLOWED:
        states = " or ".join(sorted(_ALLOWED))
        raise PermanentError(
            "InvalidHostState",
            f"The host {host.address} is {host.state}; to provision it, it has to be {states}.",
            data={"state": str(host.state)},
        )
    task = queued(ports, caller, PROVISION_HOST, HOST, host_id)
    changed = replace(host, task_id=task.id)
    return Admission(task, (HOSTS.guard(stored),), tuple(HOSTS.put(changed, host)))


async def _provision(ctx: StepContext) -> Done:
    host_id = ctx.task.entity_id
    timeout_s = ports_of(ctx).settings.provision_timeout_s
    name = await reading.host_name(ctx.store, host_id)

    async def joined() -> bool | None:
        if await INVENTORIES.get(ctx.store, host_id) is not None:
            return True
        reason = f"The agent of host {name} has yet to join; `helio host join-token` tells how"
        ctx.waiting_for(reason, blocked=True)
        return None

    if await until(ctx.store, ctx.clock, [INVENTORIES.key(host_id)], timeout_s, joined) is None:
        raise PermanentError(
            "TimedOut",
            f"The agent of host {name} did not join within {timeout_s:g} s.",
            hint=f"Start it there as `helio host join-token {host_id}` tells, then try again.",
        )
    stored = await reading.host(ctx.store, host_id)
    ready = replace(stored.value, state=HostState.READY, task_id="")
    return Done(changes=HOSTS.put(ready, stored.value), guards=[HOSTS.guard(stored)])


async def _unprovision(ctx: StepContext) -> Done:
    stored = await HOSTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    free = replace(stored.value, task_id="")
    return Done(changes=HOSTS.put(free, stored.value), guards=[HOSTS.guard(stored)])


PROVISION_HOST = Workflow(
    "PROVISION_HOST", (StepDefinition("PROVISION_HOST", _provision, undo=_unprovision),)
)
