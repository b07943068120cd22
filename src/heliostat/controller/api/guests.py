"""What reaches through the agent into a guest: addresses, statistics, log, console, screen, ports.

Asking for addresses answers a completed task, also for a VM that is broken or
whose agent is away: existing clients ask it for every VM they show.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from heliostat.agentlink import messages
from heliostat.controller.api import streams
from heliostat.controller.api.agent_answers import member
from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Handler, Reads, Streams
from heliostat.controller.api.presenting import show_task
from heliostat.controller.api.recording import RECORDED, admission_record
from heliostat.controller.model.vm import Vm, VmState
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.vm_ticket import Door, vm_mks_ticket
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError
from heliostat.tasks.admit import changes_for, completed_task
from heliostat.tasks.model import Problem
from heliostat.wire import stats, tasks
from heliostat.wire import vms as wire

DEFAULT_TAIL_BYTES = 64 << 10
MAX_TAIL_BYTES = 1 << 20
MAX_PORT = 65535


class _Networks(msgspec.Struct):
    """What an agent answers to ``vm.networks``, in the public API's own names."""

    networkConnections: list[dict[str, Any]]


_CONNECTION_KEYS = ("network", "macAddress", "ipAddress", "netmask", "isConnected")


async def _networks(call: Call) -> tasks.Task:
    vm = (await reading.vm(call.store, call.id)).value
    connections, warnings = await _connections(call, vm)
    task = completed_task(
        call.ports.ids,
        call.ports.clock,
        "GET_NETWORKS",
        entity_kind=kinds.VM,
        entity_id=vm.id,
        tenant_id=vm.tenant_id,
        project_id=vm.project_id,
        requested_by=call.caller.subject,
        request_id=call.request_id,
        resource_properties={"networkConnections": connections},
        warnings=warnings,
    )
    # clients poll the task that this GET answers, so it must be there to be read
    await call.store.commit((), changes_for(task))
    return show_task(task, call.base)


async def _connections(call: Call, vm: Vm) -> tuple[list[dict[str, str]], list[Problem]]:
    """What the agent says; what is known without it when it can't be asked."""
    if vm.state is not VmState.STARTED or not vm.host_id:
        return [_assumed(vm, "False")], []
    try:
        async with asyncio.timeout(call.services.settings.agent_timeout_s):
            answer = await call.services.hosts.request(vm.host_id, "vm.networks", {"vm": vm.id})
        found = msgspec.convert(answer, _Networks).networkConnections
        return [_shown(vm, each) for each in found], []
    except TimeoutError:
        late = TemporaryError("AgentUnavailable", f"Host {vm.host_id} did not answer in time.")
        return [_assumed(vm, "Unknown")], [Problem.of(late)]
    except msgspec.ValidationError as error:
        odd = PermanentError(
            "AgentError", f"Host {vm.host_id} answered what is no answer: {error}."
        )
        return [_assumed(vm, "Unknown")], [Problem.of(odd)]
    except HeliostatError as error:
        return [_assumed(vm, "Unknown")], [Problem.of(error)]


def _assumed(vm: Vm, connected: str) -> dict[str, str]:
    return dict(zip(_CONNECTION_KEYS, (_network_of(vm), vm.mac, "", "", connected), strict=True))


def _network_of(vm: Vm) -> str:
    """The id of the VM's subnet; of older VMs, which name none, the host's own word for it."""
    return vm.subnets[0] if vm.subnets else "user"


def _shown(vm: Vm, connection: dict[str, Any]) -> dict[str, str]:
    """All strings: clients can't read anything else here."""
    shown = {key: str(connection.get(key) or "") for key in _CONNECTION_KEYS}
    shown["network"] = vm.subnets[0] if vm.subnets else shown["network"]
    return {**shown, "isConnected": shown["isConnected"] or "Unknown"}


async def _stats(call: Call) -> stats.VmStats:
    vm = (await reading.vm(call.store, call.id)).value
    samples: list[stats.VmSample] = []
    if vm.host_id:
        answer = await call.services.hosts.request(vm.host_id, "vm.stats", {"vm": vm.id})
        found = member(answer, "samples", list[messages.VmSample], vm.host_id)
        samples = [stats.VmSample(**msgspec.structs.asdict(each)) for each in found]
    return stats.VmStats(id=vm.id, samples=samples)


async def _log(call: Call) -> wire.VmLog:
    tail = call.query.get("tailBytes", DEFAULT_TAIL_BYTES)
    if not 1 <= tail <= MAX_TAIL_BYTES:
        raise PermanentError(
            "InvalidQueryParams",
            f"tailBytes is 1 to {MAX_TAIL_BYTES}, not {tail}.",
            data={"parameter": "tailBytes"},
        )
    vm = (await reading.vm(call.store, call.id)).value
    if not vm.host_id:
        return wire.VmLog(id=vm.id, text="")
    params = {"vm": vm.id, "tail_bytes": tail}
    answer = await call.services.hosts.request(vm.host_id, "vm.log", params)
    return wire.VmLog(id=vm.id, text=member(answer, "text", str, vm.host_id))


async def _console(call: Call) -> web.StreamResponse:
    return await streams.bridge(call, await _running_on(call), "serial", None)


async def _screen(call: Call) -> web.StreamResponse:
    return await streams.bridge(call, await _running_on(call), "screen", None)


async def _mks_ticket(call: Call) -> tasks.Task:
    settings = call.services.settings
    door = Door(
        host=settings.load_balancer_address or settings.auth.endpoint,
        port=settings.auth.port,
        thumbprint=settings.certificate_thumbprint(),
        lifetime_s=settings.ticket_lifetime_s,
    )
    admission = await perform(
        call.ports,
        lambda: vm_mks_ticket(call.ports, call.caller, call.id, door),
        lambda admission: ((), admission_record(call, admission)),
    )
    call.request[RECORDED] = True
    return show_task(admission.task, call.base, call.caller.subject)


async def _port(call: Call) -> web.StreamResponse:
    text = call.params["port"]
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1 <= port <= MAX_PORT:
        raise PermanentError("InvalidEntity", f"port: {text!r} is not a TCP port.")
    return await streams.bridge(call, await _running_on(call), "port", port)


async def _running_on(call: Call) -> str:
    """The host that the guest runs on; ``InvalidVmState`` if it doesn't run."""
    vm = (await reading.vm(call.store, call.id)).value
    if vm.state is not VmState.STARTED or not vm.host_id:
        raise PermanentError(
            "InvalidVmState",
            f"VM {vm.name} is {vm.state}; it must be STARTED.",
            data={"state": vm.state.value, "allowed": [VmState.STARTED.value]},
        )
    return vm.host_id


HANDLERS: dict[str, Handler] = {
    "getVmSubnets": Reads(_networks),
    "getVmNetworks": Reads(_networks),
    "getVmStats": Reads(_stats),
    "getVmLog": Reads(_log),
    "getVmMksTicket": Reads(_mks_ticket),
    "openVmConsole": Streams(_console),
    "openVmVnc": Streams(_screen),
    "openVmPort": Streams(_port),
}
