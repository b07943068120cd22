"""The site itself."""

from __future__ import annotations

from aiohttp import web

from heliostat import __version__
from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.answers import JSON
from heliostat.controller.api.call import Call
from heliostat.controller.api.handler import Handler, Reads, Streams
from heliostat.controller.model.host import HostState
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.image_datastores import image_datastore_ids
from heliostat.core.errors import HeliostatError
from heliostat.wire import openapi
from heliostat.wire import system as wire
from heliostat.wire.page import builder

NETWORK_TYPE = "PHYSICAL"  # one subnet, the user networking of each host; no routers
READY, ERROR, PARTIAL_ERROR = "READY", "ERROR", "PARTIAL_ERROR"
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
    components = [await _controller_status(call), await _agents_status(call)]
    states = [each.status for each in components]
    status = ERROR if ERROR in states else PARTIAL_ERROR if PARTIAL_ERROR in states else READY
    return wire.SystemStatus(status=status, components=components)


async def _controller_status(call: Call) -> wire.Component:
    status, message, stats = READY, "", {}
    try:
        stats = {"storeRevision": str(await call.store.revision())}
    except HeliostatError as error:
        status, message = ERROR, error.message
    instance = wire.ComponentInstance(address=call.request.host, status=status, message=message)
    return wire.Component(
        component="PHOTON_CONTROLLER",  # the name that existing clients look for
        status=status,
        message=message,
        stats=stats,
        instances=[instance],
    )


async def _agents_status(call: Call) -> wire.Component:
    """How many agents answer; which hosts they are on is for administrators."""
    store, instances = call.store, []
    for host in await reading.hosts(store):
        if host.state is HostState.NOT_PROVISIONED:
            continue
        active = await reading.agent_is_active(store, host.id)
        message = "" if active else "The agent is not connected."
        status = READY if active else "UNREACHABLE"
        instances.append(
            wire.ComponentInstance(address=host.address, status=status, message=message)
        )
    missing = sum(each.status != READY for each in instances)
    return wire.Component(
        component="AGENTS",
        status=PARTIAL_ERROR if missing else READY,
        message=f"{missing} of {len(instances)} agents are not connected." if missing else "",
        stats={"agents": str(len(instances)), "missing": str(missing)},
        instances=instances if call.caller.is_system_admin else [],
    )


async def _system_info(call: Call) -> wire.SystemInfo:
    settings = call.services.settings
    admin = call.principal is not None and call.principal.is_system_admin
    datastores = sorted(await image_datastore_ids(call.store)) if admin else []
    balancer = settings.load_balancer_address if admin else ""
    return wire.SystemInfo(
        kind="system-info",
        state=READY,
        base_version=__version__,
        full_version=__version__,
        git_commit_hash=settings.git_commit_hash,
        network_type=NETWORK_TYPE,
        auth=await _auth(call),
        network_configuration=wire.NetworkConfiguration(sdn_enabled=False),
        image_datastores=datastores,
        load_balancer_enabled=bool(balancer),
        load_balancer_address=balancer,
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


async def _system_vms(_call: Call) -> wire.SystemVmList:
    """None: the control plane runs as processes, not in VMs of its own."""
    return wire.SystemVmList(items=[])


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
    "getOpenapi": Streams(_openapi),
    "getDocs": Streams(_docs),
}
