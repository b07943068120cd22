"""Hosts: entities, modes, statistics and join tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from heliostat.agentlink import messages
from heliostat.controller.api.agent_answers import member
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.handler import Applies, Decides, Handler, Reads
from heliostat.controller.api.labels import selector_of
from heliostat.controller.api.listing import of_index, of_kind
from heliostat.controller.api.tasks import list_tasks
from heliostat.controller.api.vms import show_vm
from heliostat.controller.model.host import Host, HostSpec
from heliostat.controller.workflows import host as verbs
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.tasks.indexes import entity_prefix
from heliostat.wire import hosts as wire
from heliostat.wire import stats
from heliostat.wire.body import EntityRef
from heliostat.wire.tasks import TaskList
from heliostat.wire.vms import VmList


async def show_host(call: Call, host: Host) -> wire.Host:
    """A host; its agent's part is there once the agent has joined.

    ``username`` and ``password`` are always empty: neither is kept.
    """
    active = await reading.agent_is_active(call.store, host.id)
    found = await reading.inventory(call.store, host.id)
    return wire.Host(
        id=host.id,
        kind=kinds.HOST,
        address=host.address,
        state=host.state.value,
        self_link=f"{call.base}/v1/infrastructure/hosts/{host.id}",
        usage_tags=[tag.value for tag in host.usage_tags],
        username="",
        password="",
        esx_version=found.hypervisor if found else "",
        zone=host.zone,
        metadata=host.metadata,
        labels=host.labels,
        agent_state="ACTIVE" if active else "MISSING",
        hostname=found.hostname if found else "",
        hypervisor=found.hypervisor if found else "",
        accelerator=found.accelerator if found else "",
        agent_version=found.agent_version if found else "",
        datastore=found.datastore if found else "",
        cpu_count=found.cpu_count if found else 0,
        memory_mib=found.memory_mib if found else 0,
        disk_total_bytes=found.disk_total_bytes if found else 0,
        disk_free_bytes=found.disk_free_bytes if found else 0,
        datastores=[
            wire.HostDatastore(
                id=each.datastore_id,
                name=each.name,
                type=each.type,
                available=each.available,
                total_bytes=each.total_bytes,
                free_bytes=each.free_bytes,
            )
            for each in (found.datastores if found else ())
        ],
    )


async def _list(call: Call) -> wire.HostList:
    selector, query = selector_of(call), call.query

    def kept(host: Host) -> bool:
        facts = {"state": host.state, "zone": host.zone, "address": host.address}
        asked = all(query.get(name) in (None, str(value)) for name, value in facts.items())
        used = query.get("usageTag") in (None, *map(str, host.usage_tags))
        return asked and used and selector.selects(host.labels)

    page = await paginate(call, of_kind(call.store, kinds.HOSTS, kept))
    return wire.HostList(
        items=[await show_host(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.Host:
    return await show_host(call, (await reading.host(call.store, call.id)).value)


async def _tasks(call: Call) -> TaskList:
    await reading.host(call.store, call.id)
    return await list_tasks(call, entity_prefix(kinds.HOST, call.id))


async def _vms(call: Call) -> VmList:
    await reading.host(call.store, call.id)
    selector = selector_of(call)
    read = of_index(call.store, kinds.VMS, "host", call.id, lambda vm: selector.selects(vm.labels))
    page = await paginate(call, read)
    return VmList(
        items=[await show_vm(call, each, page.revision) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _safe_to_stop(call: Call) -> wire.SafeToStop:
    host = (await reading.host(call.store, call.id)).value
    found = await verbs.obstacles(call.store, host)
    reasons = [
        wire.Reason(
            code=each.code,
            message=each.message,
            blocks=each.blocks,
            entity=EntityRef(kind=each.kind, id=each.id),
        )
        for each in found
    ]
    return wire.SafeToStop(
        host_id=host.id, safe=not any(each.blocks for each in found), reasons=reasons
    )


async def _set_zone(call: Call, caller: Caller) -> Admission:
    body: wire.SetZoneOperation = call.body
    return await verbs.host_set_zone(call.ports, caller, call.id, body.availability_zone_id)


async def _stats(call: Call) -> stats.HostStats:
    await reading.host(call.store, call.id)
    answer = await call.services.hosts.request(call.id, "host.stats", {})
    found = member(answer, "samples", list[messages.HostSample], call.id)
    samples = [stats.HostSample(**msgspec.structs.asdict(each)) for each in found]
    return stats.HostStats(id=call.id, samples=samples)


async def _join_token(call: Call, plan: bool) -> wire.JoinToken | None:
    await reading.host(call.store, call.id)
    if plan:
        return None
    issued = await call.services.hosts.issue_join_token(call.id)
    return wire.JoinToken(host_id=call.id, token=issued.token, expires_time=issued.expires_ms)


async def _create(call: Call, caller: Caller) -> Admission:
    body: wire.HostCreateSpec = call.body
    spec = HostSpec(
        address=body.address,
        usage_tags=tuple(body.usage_tags or ()),
        zone=body.zone or body.availability_zone,
        metadata=body.metadata or {},
        labels=body.labels or {},
    )
    return await verbs.host_create(call.ports, caller, spec)


def _mode(verb: Callable[[Ports, Caller, str], Awaitable[Admission]]) -> Decides:
    """A verb that needs nothing but the host."""

    async def decide(call: Call, caller: Caller) -> Admission:
        return await verb(call.ports, caller, call.id)

    return Decides(decide)


HANDLERS: dict[str, Handler] = {
    "createHost": Decides(_create),
    "listHosts": Reads(_list),
    "getHost": Reads(_show),
    "deleteHost": _mode(verbs.host_delete),
    "listHostTasks": Reads(_tasks),
    "listHostVms": Reads(_vms),
    "getHostStats": Reads(_stats),
    "createJoinToken": Applies(_join_token, kinds.HOST),
    "isHostSafeToStop": Reads(_safe_to_stop),
    "setHostAvailabilityZone": Decides(_set_zone),
    "provisionHost": _mode(verbs.host_provision),
    "suspendHost": _mode(verbs.host_suspend),
    "resumeHost": _mode(verbs.host_resume),
    "enterHostMaintenance": _mode(verbs.host_enter_maintenance),
    "exitHostMaintenance": _mode(verbs.host_exit_maintenance),
}
