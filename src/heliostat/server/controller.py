"""The controller as a process: store, sign-in, tasks, gateway and API, wired together.

Three listeners: the public API over TLS, the same API on a Unix socket for the
owner of the machine, and the agents' gate over mutual TLS.  All resources hang
on one exit stack and end in reverse order.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
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
from heliostat.controller.workflows.kinds import HOSTS, VMS
from heliostat.controller.workflows.observation import observe
from heliostat.controller.workflows.properties import follow_properties
from heliostat.controller.workflows.subnet import ensure_subnet
from heliostat.controller.workflows.system import chores_rest
from heliostat.core import logs
from heliostat.core.clock import Clock, SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SystemIds
from heliostat.core.logs import Stream
from heliostat.identity.acme import server as acme_server
from heliostat.identity.acme.site import AcmeSite
from heliostat.identity.authority.options import AuthorityOptions
from heliostat.identity.authority.publication import Publication
from heliostat.identity.authority.tls import (
    agent_ssl_context,
    keep_renewed,
    server_ssl_context,
)
from heliostat.identity.checkup.checkup import Watched
from heliostat.identity.ldap_face.telling import Tell
from heliostat.identity.options import IdentityOptions
from heliostat.identity.site import Identity
from heliostat.identity.tokens import endpoints as identity_http
from heliostat.server import (
    daemon,
    event_loop,
    garbage,
    node_records,
    pidfile,
    ports,
    sign_ins,
)
from heliostat.server.backups import keep_copies
from heliostat.server.controller_id import controller_id
from heliostat.server.home import Home
from heliostat.server.hosts import Hosts
from heliostat.server.settings import Settings, load_settings
from heliostat.tasks.engine import TaskEngine

log = logging.getLogger(__name__)

HOUR_S, MINUTE_S = 3600.0, 60.0
SOCKET_MODE = 0o600


async def initialise(home: Home) -> str | None:
    """Make what a new platform needs; the administrator's password at the first start."""
    settings = load_settings(home.path)
    clock = SystemClock()
    store = await SqliteStore.open(home.store, clock)
    try:
        identity = _identity(home, settings, store)
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
    identity = await _open_identity(home, settings, store, stack)
    await complete_indexes(store, INDEXED)
    identity.directories.has_vm = lambda id_: _has_vm(store, id_)
    own_id = controller_id(home, SystemIds())
    world, gateway = _world(home, settings, store, identity, own_id)
    await ensure_defaults(world)
    await ensure_subnet(world)
    await _background(
        stack,
        _engine(world, own_id, settings, metrics).run,
        lambda: observe(store, clock, copies_at_once=settings.workflows.image_copies_at_once),
        lambda: record_crashes(store, clock, world.ids),
        Compactor(store, clock, settings.store).run,
        lambda: keep_copies(file, home.backup, clock, settings.backup),
        lambda: _every(clock, HOUR_S, identity.maintain),
        lambda: _every(clock, MINUTE_S, identity.forget),
        identity.openldap.keep,
        identity.tell_programs,
        identity.holders.run,
        Rota(world, CHORES.values(), lambda: chores_rest(store)).run,
        lambda: follow_properties(world),
    )
    app = _api(world, identity, gateway, settings, metrics, _access_log(settings, lines, stack))
    await _listen(home, settings, stack, identity, app, gateway.gate.app())
    identity.kerberos.tell = sign_ins.kerberos_teller(app[SERVICES])
    await _open_kerberos(settings, stack, identity)
    trail = app[SERVICES].trail
    identity.openldap.configurations.tell = node_records.of_nodes(trail, clock, SystemIds())
    told = sign_ins.of_ldap(trail, clock, SystemIds())
    await _answer_ldap(home, settings, stack, identity, told)
    if settings.metrics.port:
        scraped = await _runner(stack, scrape_app(app[SERVICES].gatherer.gather, metrics))
        await _tcp(scraped, "127.0.0.1", settings.metrics.port, None, "metrics.port")


async def _has_vm(store: CloudStore, id_: str) -> bool:
    return await VMS.get(store, id_) is not None


async def _answer_ldap(
    home: Home, settings: Settings, stack: AsyncExitStack, identity: Identity, tell: Tell
) -> None:
    """Let LDAP clients read the directory, where the settings say so."""
    if not settings.ldap.is_on:
        return
    from heliostat.identity.ldap_face.face import LdapFace

    names = settings.api.names
    face = LdapFace(identity, home.ldap, settings.ldap, names, SystemClock(), tell=tell)
    stack.push_async_callback(face.close)
    await face.open()
    identity.directories.checkups.watched.append(
        Watched(lambda: face.trouble, "Its log is the controller's: `helio logs`.")
    )
    await _background(stack, face.run)


async def _open_identity(
    home: Home, settings: Settings, store: CloudStore, stack: AsyncExitStack
) -> Identity:
    identity = _identity(home, settings, store)
    stack.callback(identity.close)
    stack.push_async_callback(identity.stop)
    password = await identity.start()
    if password is not None:
        print(f"The administrator's password is {password} (shown this once).", flush=True)
    return identity


async def _open_kerberos(settings: Settings, stack: AsyncExitStack, identity: Identity) -> None:
    """Give tickets, where a port is set; realms that can't be served are told in the log."""
    kerberos = settings.identity.kerberos
    server = identity.kerberos
    stack.push_async_callback(server.close)
    identity.directories.checkups.watched.append(
        Watched(lambda: server.trouble, "See `helio identity kerberos show`, and `helio logs`.")
    )
    served = (
        (kerberos.port, server.answer, "identity.kerberos.port"),
        (kerberos.password_port, identity.password_port.answer, "identity.kerberos.password_port"),
    )
    for port, answers, setting in served:
        try:
            if port:
                await server.open_port(kerberos.host, port, answers)
        except OSError as error:
            raise ports.taken(kerberos.host, port, setting) from error
    if kerberos.port:
        try:
            await server.refresh()
        except HeliostatError as error:
            log.warning("Kerberos is not served: %s", error)


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


def _identity(home: Home, settings: Settings, store: CloudStore) -> Identity:
    first, *others = (f"https://{name}:{settings.api.port}" for name in settings.api.names)
    options = IdentityOptions(
        domain=settings.identity.domain,
        base_url=first,
        other_urls=tuple(others),
        ldap_urls=settings.ldap.reached_at(settings.api.names),
        passwords=settings.identity.passwords,
        lockout=settings.identity.lockout,
        hashing=settings.identity.hashing,
        lifetimes=settings.identity.lifetimes,
        kerberos=settings.identity.kerberos,
        tickets=settings.identity.tickets,
        authority=_authority(settings),
        second_factors=settings.identity.second_factors,
        banner=settings.identity.banner,
        saml=settings.identity.saml,
        directory=settings.identity.directory,
        federation=settings.identity.federation,
        reach=settings.identity.reach,
    )
    return Identity(
        store,
        SystemClock(),
        SystemIds(),
        options,
        authority_folder=home.authority,
        agent_url=f"https://{settings.api.names[0]}:{settings.agents.port}",
        hosts=lambda: _hosts(store),
    )


def _authority(settings: Settings) -> AuthorityOptions:
    """With the address at which revocation lists are, unless somebody set another."""
    told = settings.identity.authority
    if told.base_url or not told.port:
        return told
    return replace(told, base_url=f"http://{settings.api.names[0]}:{told.port}")


async def _hosts(store: CloudStore) -> list[str]:
    return [each.value.id async for each in HOSTS.each(store)]


async def _listen(
    home: Home,
    settings: Settings,
    stack: AsyncExitStack,
    identity: Identity,
    app: web.Application,
    gate: web.Application,
) -> None:
    files = await identity.authority.issue_server(settings.api.names)
    public = await _runner(stack, app)
    agents = await _runner(stack, gate)
    home.socket.unlink(missing_ok=True)
    await web.UnixSite(public, str(home.socket)).start()
    home.socket.chmod(SOCKET_MODE)
    context = server_ssl_context(files)
    await _tcp(public, settings.api.host, settings.api.port, context, "api.port")
    if settings.api.loopback_port:
        await _tcp(public, "127.0.0.1", settings.api.loopback_port, None, "api.loopback_port")
    authority = settings.identity.authority
    if authority.port:
        plain = web.Application()
        plain.add_routes(Publication(identity.directories).routes())
        host = authority.host or settings.api.host
        runner = await _runner(stack, plain)
        await _tcp(runner, host, authority.port, None, "identity.authority.port")
    gate_context = agent_ssl_context(files, identity.authority.gate_pem)
    await _tcp(agents, settings.agents.host, settings.agents.port, gate_context, "agents.port")
    contexts = (context, gate_context)
    names = settings.api.names
    await _background(stack, lambda: keep_renewed(identity.authority, names, contexts))


async def _runner(stack: AsyncExitStack, app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _tcp(
    runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None, setting: str
) -> None:
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
    except OSError as error:
        raise ports.taken(host, port, setting) from error


async def _background(stack: AsyncExitStack, *jobs: Callable[[], Awaitable[object]]) -> None:
    """Run ``jobs`` until the stack ends; one that fails is logged and begun again."""
    tasks = [asyncio.create_task(_forever(job)) for job in jobs]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(end)


async def _forever(job: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await job()
        except Exception:
            log.exception("a background job failed and begins again")
            await asyncio.sleep(1)


async def _every(clock: Clock, seconds: float, job: Callable[[], Awaitable[object]]) -> None:
    while True:
        await clock.sleep(seconds)
        await job()
