"""The controller as a process: store, sign-in, tasks, gateway and API, wired together.

Three listeners: the public API over TLS, the same API on a Unix socket for the
owner of the machine, and the agents' gate over mutual TLS.  All resources hang
on one exit stack and end in reverse order.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.metered import MeteredStore
from heliostat.cloudstore.reindex import complete_indexes
from heliostat.cloudstore.retention import Compactor
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.content.blobs import Blobs
from heliostat.controller.api.access_log import AccessLog
from heliostat.controller.api.app import SERVICES, make_app
from heliostat.controller.api.forwarded import networks
from heliostat.controller.api.metrics import scrape_app
from heliostat.controller.api.ports import ApiSettings, AuthEndpoint
from heliostat.controller.chores.catalogue import CHORES, WORKFLOWS
from heliostat.controller.chores.rota import Rota
from heliostat.controller.gateway.crashes import record_crashes
from heliostat.controller.gateway.gateway import Gateway
from heliostat.controller.images.service import QemuImageFiles
from heliostat.controller.metrics import table
from heliostat.controller.metrics.registry import Metrics
from heliostat.controller.workflows.admission import Ports
from heliostat.controller.workflows.audit import INDEXED
from heliostat.controller.workflows.defaults import ensure_defaults
from heliostat.controller.workflows.kinds import VMS
from heliostat.controller.workflows.observation import observe
from heliostat.controller.workflows.properties import follow_properties
from heliostat.controller.workflows.subnet import ensure_subnet
from heliostat.controller.workflows.system import chores_rest
from heliostat.core import logs
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.core.logs import Stream
from heliostat.identity.acme import server as acme_server
from heliostat.identity.acme.site import AcmeSite
from heliostat.identity.authority.publication import Publication
from heliostat.identity.site import Identity
from heliostat.identity.tokens import endpoints as identity_http
from heliostat.server import (
    daemon,
    event_loop,
    garbage,
    node_records,
    pidfile,
    sign_ins,
)
from heliostat.server.background import background, every
from heliostat.server.backups import keep_copies
from heliostat.server.controller_id import controller_id
from heliostat.server.home import Home
from heliostat.server.hosts import Hosts
from heliostat.server.identity import answer_ldap, identity_of, open_identity, open_kerberos
from heliostat.server.listening import listen, listen_tcp, runner_of
from heliostat.server.settings import Settings, load_settings
from heliostat.tasks.engine import TaskEngine

log = logging.getLogger(__name__)

HOUR_S, MINUTE_S = 3600.0, 60.0


async def initialise(home: Home) -> str | None:
    """Make what a new platform needs; the administrator's password at the first start."""
    settings = load_settings(home.path)
    clock = SystemClock()
    store = await SqliteStore.open(home.store, clock)
    try:
        identity = identity_of(home, settings, store)
        try:
            return await identity.start()
        finally:
            await identity.stop()
            identity.close()
    finally:
        await store.close()


def main(home: Home) -> None:
    """Run until SIGTERM or SIGINT; raises what keeps it from starting."""
    logs.configure(logs.LogSettings())
    try:
        home.prepare()
        settings = load_settings(home.path)
        lines = logs.configure(settings.log)
        event_loop.run(_run(home, settings, lines))
    except HeliostatError as error:
        daemon.tell_failed(error)
        raise


async def _run(home: Home, settings: Settings, lines: Stream) -> None:
    async with AsyncExitStack() as stack:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await _serve(home, settings, stack, lines)
        garbage.settle()
        pidfile.write(home.pid_file("controller"))
        stack.callback(home.pid_file("controller").unlink, missing_ok=True)
        daemon.tell_ready()
        log.info("ready on port %d", settings.api.port)
        await stop.wait()
        log.info("stopping")


async def _serve(home: Home, settings: Settings, stack: AsyncExitStack, lines: Stream) -> None:
    """Open everything in order; what was opened is on ``stack``."""
    clock, metrics = SystemClock(), Metrics()
    file = await SqliteStore.open(home.store, clock)
    stack.push_async_callback(file.close)
    store = MeteredStore(file, metrics.committed)
    metrics.gauge(table.STORE_BYTES).set_function(lambda: _size_bytes(home.store))
    identity = await open_identity(home, settings, store, stack)
    await complete_indexes(store, INDEXED)
    identity.directories.has_vm = lambda id_: _has_vm(store, id_)
    own_id = controller_id(home, SystemIds())
    world, gateway = _world(home, settings, store, identity, own_id)
    await ensure_defaults(world)
    await ensure_subnet(world)
    await background(
        stack,
        _engine(world, own_id, settings, metrics).run,
        lambda: observe(store, clock, copies_at_once=settings.workflows.image_copies_at_once),
        lambda: record_crashes(store, clock, world.ids),
        Compactor(store, clock, settings.store).run,
        lambda: keep_copies(file, home.backup, clock, settings.backup),
        lambda: every(clock, HOUR_S, identity.maintain),
        lambda: every(clock, MINUTE_S, identity.forget),
        identity.openldap.keep,
        identity.tell_programs,
        identity.holders.run,
        Rota(world, CHORES.values(), lambda: chores_rest(store)).run,
        lambda: follow_properties(world),
    )
    app = _api(world, identity, gateway, settings, metrics, _access_log(settings, lines, stack))
    await listen(home, settings, stack, identity, app, gateway.gate.app())
    identity.kerberos.tell = sign_ins.kerberos_teller(app[SERVICES])
    await open_kerberos(settings, stack, identity)
    trail = app[SERVICES].trail
    identity.openldap.configurations.tell = node_records.of_nodes(trail, clock, SystemIds())
    told = sign_ins.of_ldap(trail, clock, SystemIds())
    await answer_ldap(home, settings, stack, identity, told)
    if settings.metrics.port:
        scraped = await runner_of(stack, scrape_app(app[SERVICES].gatherer.gather, metrics))
        await listen_tcp(scraped, "127.0.0.1", settings.metrics.port, None, "metrics.port")


async def _has_vm(store: CloudStore, id_: str) -> bool:
    return await VMS.get(store, id_) is not None


def _world(
    home: Home, settings: Settings, store: CloudStore, identity: Identity, own_id: str
) -> tuple[Ports, Gateway]:
    """What workflows reach the world through, and the gate that agents come in by."""
    clock, ids, blobs = SystemClock(), SystemIds(), Blobs(home.content)
    blobs.sweep()
    gateway = Gateway(
        store,
        clock,
        ids,
        blobs,
        controller_id=own_id,
        lease_ttl_s=settings.agents.lease_ttl_s,
        certifier=identity.joins,
        host_of=identity.authority.host_of,
    )
    identity.authority.followers.append(gateway.gate.look_again)
    world = Ports(store, clock, ids, blobs, QemuImageFiles(), settings.workflows, agents=gateway)
    return world, gateway


def _engine(world: Ports, own_id: str, settings: Settings, metrics: Metrics) -> TaskEngine:
    return TaskEngine(
        world.store,
        world.clock,
        world.ids,
        WORKFLOWS,
        world,
        worker_id=f"{own_id}-{world.ids.new_id()[:8]}",
        lease_ttl_s=settings.tasks.lease_ttl_s,
        concurrency=settings.tasks.concurrency,
        ended=metrics.task_ended,
    )


def _access_log(settings: Settings, lines: Stream, stack: AsyncExitStack) -> AccessLog | None:
    if not settings.log.access:
        return None
    trusted = networks(settings.api.trusted_proxies)
    access = AccessLog(settings.log.format, lines.write, trusted)
    stack.callback(access.flush)
    return access


def _api(
    world: Ports,
    identity: Identity,
    gateway: Gateway,
    settings: Settings,
    metrics: Metrics,
    access: AccessLog | None,
) -> web.Application:
    """The public API, sign-in included."""
    auth = AuthEndpoint(settings.api.names[0], settings.api.port, settings.identity.domain)
    api_settings = ApiSettings(
        auth,
        certificate_thumbprint=lambda: identity.authority.server_thumbprint,
        measured_projects=settings.metrics.projects,
        trusted_proxies=networks(settings.api.trusted_proxies),
    )
    hosts = Hosts(gateway, identity.joins)
    app = make_app(world, identity, identity.directories, hosts, api_settings, metrics, access)
    app.add_routes(identity_http.routes(identity, sign_ins.tell, sign_ins.address_of))
    app.add_routes(Publication(identity.directories).routes())
    acme = AcmeSite(identity.directories, identity.ids, identity.verify)
    app.add_routes(acme_server.Server(acme.find, sign_ins.tell_acme).routes())
    return app


def _size_bytes(path: Path) -> float:
    """Size of the store's file and of its log."""
    files = (path, path.with_name(path.name + "-wal"))
    return float(sum(each.stat().st_size for each in files if each.exists()))
