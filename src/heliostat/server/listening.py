"""Where the controller listens: the API, the agents' gate, revocation lists."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

from aiohttp import web

from heliostat.identity.authority.publication import Publication
from heliostat.identity.authority.tls import (
    agent_ssl_context,
    keep_renewed,
    server_ssl_context,
)
from heliostat.identity.site import Identity
from heliostat.server import ports
from heliostat.server.background import background
from heliostat.server.home import Home
from heliostat.server.settings import Settings

SOCKET_MODE = 0o600


async def listen(
    home: Home,
    settings: Settings,
    stack: AsyncExitStack,
    identity: Identity,
    app: web.Application,
    gate: web.Application,
) -> None:
    """Open all ports and the socket until the stack ends; raises ``PortTaken``."""
    files = await identity.authority.issue_server(settings.api.names)
    public = await runner_of(stack, app)
    agents = await runner_of(stack, gate)
    home.socket.unlink(missing_ok=True)
    await web.UnixSite(public, str(home.socket)).start()
    home.socket.chmod(SOCKET_MODE)
    context = server_ssl_context(files)
    await listen_tcp(public, settings.api.host, settings.api.port, context, "api.port")
    if settings.api.loopback_port:
        await listen_tcp(public, "127.0.0.1", settings.api.loopback_port, None, "api.loopback_port")
    authority = settings.identity.authority
    if authority.port:
        plain = web.Application()
        plain.add_routes(Publication(identity.directories).routes())
        host = authority.host or settings.api.host
        runner = await runner_of(stack, plain)
        await listen_tcp(runner, host, authority.port, None, "identity.authority.port")
    gate_context = agent_ssl_context(files, identity.authority.gate_pem)
    await listen_tcp(
        agents, settings.agents.host, settings.agents.port, gate_context, "agents.port"
    )
    contexts = (context, gate_context)
    names = settings.api.names
    await background(stack, lambda: keep_renewed(identity.authority, names, contexts))


async def runner_of(stack: AsyncExitStack, app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def listen_tcp(
    runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None, setting: str
) -> None:
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
    except OSError as error:
        raise ports.taken(host, port, setting) from error
