"""Modes of a host: READY, SUSPENDED (guests run, no new ones), MAINTENANCE (no guests)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from heliostat.cloudstore.contract import Absent, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.controller.model.host import Host, HostState
from heliostat.controller.workflows import reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.host_contents import obstacles
from heliostat.controller.workflows.kinds import HOST, HOSTS, RESERVATIONS
from heliostat.controller.workflows.requests import queued, refuse_busy
from heliostat.core.counting import counted
from heliostat.core.errors import PermanentError
from heliostat.tasks.model import Done, Problem, StepContext, StepDefinition, Workflow


@dataclass(frozen=True, slots=True)
class _Mode:
    """From which states to which; ``empties`` if no guest may be left."""

    operation: str
    verb: str
    allowed: frozenset[HostState]
    state: HostState
    empties: bool = False


_SUSPEND = _Mode(
    "SUSPEND_HOST",
    "suspend it",
    frozenset({HostState.READY, HostState.SUSPENDED}),
    HostState.SUSPENDED,
)
_RESUME = _Mode("RESUME_HOST", "resume it", frozenset({HostState.SUSPENDED}), HostState.READY)
_ENTER = _Mode(
    "ENTER_MAINTENANCE_MODE",
    "put it into maintenance",
    frozenset({HostState.SUSPENDED, HostState.MAINTENANCE}),
    HostState.MAINTENANCE,
    empties=True,
)
_EXIT = _Mode(
    "EXIT_MAINTENANCE_MODE",
    "end its maintenance",
    frozenset({HostState.MAINTENANCE}),
    HostState.READY,
)


async def host_suspend(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """No new guests; those that run stay."""
    return await _admit(ports, caller, host_id, _SUSPEND)


async def host_resume(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """Take new guests again."""
    return await _admit(ports, caller, host_id, _RESUME)


async def host_enter_maintenance(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """From SUSPENDED, once no VM is left; ``HostHasVms``."""
    return await _admit(ports, caller, host_id, _ENTER)


async def host_exit_maintenance(ports: Ports, caller: Caller, host_id: str) -> Admission:
    """Back to READY."""
    return await _admit(ports, caller, host_id, _EXIT)


async def _admit(ports: Ports, caller: Caller, host_id: str, mode: _Mode) -> Admission:
    stored = await reading.host(ports.store, host_id)
    host = stored.value
    if mode.empties and caller.planning:
        return await _planned(ports, caller, stored, mode)
    refuse_busy("host", host)
    if host.state not in mode.allowed:
        states = " or ".join(sorted(mode.allowed))
        raise PermanentError(
            "InvalidHostState",
            f"The host {host.address} is {host.state}; to {mode.verb}, it has to be {states}.",
            data={"state": str(host.state)},
        )
    if mode.empties:
        held = await RESERVATIONS.get(ports.store, host_id)
        _refuse_guests(host.address, sorted(held.value.vms) if held is not None else [])
    task = queued(ports, caller, WORKFLOWS[mode.operation], HOST, host_id)
    changed = replace(host, task_id=task.id)
    return Admission(task, (HOSTS.guard(stored),), tuple(HOSTS.put(changed, host)))


async def _planned(ports: Ports, caller: Caller, stored: Stored[Host], mode: _Mode) -> Admission:
    """What stands in the way, all of it, where the request itself would stop at the first."""
    found = await obstacles(ports.store, stored.value)
    warnings = [Problem(code=each.code, message=each.message) for each in found]
    if stored.value.state not in mode.allowed:
        sentence = f"The host is {stored.value.state}; suspend it first."
        warnings.insert(0, Problem(code="InvalidHostState", message=sentence))
    return Admission(
        queued(ports, caller, WORKFLOWS[mode.operation], HOST, stored.value.id),
        (HOSTS.guard(stored),),
        (),
        warnings=tuple(warnings),
    )


def _refuse_guests(address: str, vm_ids: list[str]) -> None:
    if vm_ids:
        raise PermanentError(
            "HostHasVms",
            f"The host {address} still has {counted(len(vm_ids), 'VM')}.",
            data={"vms": vm_ids},
        )


def _run(mode: _Mode) -> Callable[[StepContext], Awaitable[Done]]:
    async def run(ctx: StepContext) -> Done:
        stored = await reading.host(ctx.store, ctx.task.entity_id)
        guards: list[Guard] = [HOSTS.guard(stored)]
        if mode.empties:
            held = await RESERVATIONS.get(ctx.store, stored.value.id)
            _refuse_guests(stored.value.address, sorted(held.value.vms) if held is not None else [])
            key = RESERVATIONS.key(stored.value.id)
            guards.append(RESERVATIONS.guard(held) if held is not None else Absent(key))
        after = replace(stored.value, state=mode.state, task_id="")
        return Done(changes=HOSTS.put(after, stored.value), guards=guards)

    return run


async def _undo(ctx: StepContext) -> Done:
    stored = await HOSTS.get(ctx.store, ctx.task.entity_id)
    if stored is None:
        return Done()
    free = replace(stored.value, task_id="")
    return Done(changes=HOSTS.put(free, stored.value), guards=[HOSTS.guard(stored)])


WORKFLOWS = {
    mode.operation: Workflow(
        mode.operation, (StepDefinition(mode.operation, _run(mode), undo=_undo),)
    )
    for mode in (_SUSPEND, _RESUME, _ENTER, _EXIT)
}
