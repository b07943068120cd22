"""The site itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec.structs import replace

from heliostat import __version__
from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.answers import JSON
from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Decides, Handler, Reads, Streams
from heliostat.controller.api.health import components, overall
from heliostat.controller.api.vms import show_vm
from heliostat.controller.model.host import UsageTag
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows import system as verbs
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.image_datastores import image_datastore_ids
from heliostat.controller.workflows.properties import properties_of
from heliostat.controller.workflows.system import system
from heliostat.wire import openapi
from heliostat.wire import system as wire
from heliostat.wire.page import builder
from heliostat.wire.vms import VmList

NETWORK_TYPE = "PHYSICAL"  # one subnet, the user networking of each host; no routers
_COUNT_PAGE = 1000
DOCS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def _available(call: Call) -> None:
    """Fails (503) while the store can't be read, so a load balancer looks elsewhere."""
    await call.store.revision()


async def _info(call: Call) -> wire.Info:
    return wire.Info(
        base_version=__version__,
        full_version=__version__,
        git_commit_hash=call.services.settings.git_commit_hash,
        network_type=NETWORK_TYPE,
    )


async def _auth(call: Call) -> wire.AuthInfo:
    auth = call.services.settings.auth
    return wire.AuthInfo(endpoint=auth.endpoint, port=auth.port, domain=auth.domain)


async def _status(call: Call) -> wire.SystemStatus:
    found = await components(call)
    return wire.SystemStatus(status=overall(found), components=found)


async def _system_info(call: Call) -> wire.SystemInfo:
    settings = call.services.settings
    admin = call.principal is not None and call.principal.is_system_admin
    site = await system(call.store)
    auth = await _auth(call)
    if admin:
        auth = replace(auth, security_groups=list(site.security_groups))
    datastores = sorted(await image_datastore_ids(call.store)) if admin else []
    balancer = settings.load_balancer_address if admin else ""
    return wire.SystemInfo(
        kind="system-info",
        state=site.state.value,
        base_version=__version__,
        full_version=__version__,
        git_commit_hash=settings.git_commit_hash,
        network_type=NETWORK_TYPE,
        auth=auth,
        network_configuration=wire.NetworkConfiguration(sdn_enabled=False),
        image_datastores=datastores,
        load_balancer_enabled=bool(balancer),
        load_balancer_address=balancer,
        stats=wire.StatsInfo(enabled=False),
        service_configurations=[],
    )


async def _usage(call: Call) -> wire.SystemUsage:
    store = call.store
    return wire.SystemUsage(
        number_hosts=await _count(store, kinds.HOSTS.prefix),
        number_vms=await _count(store, kinds.VMS.prefix),
        number_tenants=await _count(store, kinds.TENANTS.prefix),
        number_projects=await _count(store, kinds.PROJECTS.prefix),
        number_datastores=await _count(store, kinds.DATASTORES.prefix),
        number_services=0,
    )


async def _system_vms(call: Call) -> VmList:
    """VMs tagged MGMT, and those on hosts that are for management only."""
    found = []
    for host in await reading.hosts(call.store):
        if UsageTag.MGMT in host.usage_tags:
            for vm in await reading.vms_of_host(call.store, host.id):
                if UsageTag.MGMT in vm.tags or UsageTag.CLOUD not in host.usage_tags:
                    found.append(await show_vm(call, vm))
    return VmList(items=found)


async def _properties(call: Call) -> wire.SystemProperties:
    changes = (await system(call.store)).properties
    return wire.SystemProperties(
        properties={
            each.name: wire.SystemProperty(
                value=each.value,
                from_file=each.from_file,
                changed=each.name in changes,
                summary=each.summary,
            )
            for each in properties_of(call.ports.settings_at_start, changes)
        }
    )


async def _update_properties(call: Call, caller: Caller) -> Admission:
    return await verbs.system_update_properties(call.ports, caller, call.body.properties)


async def _set_groups(call: Call, caller: Caller) -> Admission:
    return await verbs.system_set_security_groups(call.ports, caller, call.body.items or ())


def _switch(verb: Callable[[Ports, Caller], Awaitable[Admission]]) -> Decides:
    async def decide(call: Call, caller: Caller) -> Admission:
        return await verb(call.ports, caller)

    return Decides(decide)


async def _openapi(_call: Call) -> web.StreamResponse:
    return web.Response(body=openapi.render(__version__), content_type=JSON)


async def _docs(_call: Call) -> web.StreamResponse:
    """Nothing is fetched from elsewhere, and the page may not be told to."""
    headers = {"Content-Security-Policy": DOCS_POLICY}
    return web.Response(
        body=builder.render(__version__), content_type="text/html", charset="utf-8", headers=headers
    )


async def _count(store: CloudStore, prefix: str) -> int:
    page = await store.list(prefix, limit=_COUNT_PAGE)
    count, revision = len(page.items), page.revision
    while page.after is not None:
        page = await store.list(prefix, limit=_COUNT_PAGE, after=page.after, at_revision=revision)
        count += len(page.items)
    return count


HANDLERS: dict[str, Handler] = {
    "getAvailable": Reads(_available),
    "getInfo": Reads(_info),
    "getSystemAuth": Reads(_auth),
    "getSystemStatus": Reads(_status),
    "getSystemInfo": Reads(_system_info),
    "getSystemUsage": Reads(_usage),
    "listSystemVms": Reads(_system_vms),
    "getSystemProperties": Reads(_properties),
    "updateSystemProperties": Decides(_update_properties),
    "pauseSystem": _switch(verbs.system_pause),
    "pauseBackgroundTasks": _switch(verbs.system_pause_background),
    "resumeSystem": _switch(verbs.system_resume),
    "setSystemSecurityGroups": Decides(_set_groups),
    "getOpenapi": Streams(_openapi),
    "getDocs": Streams(_docs),
}
