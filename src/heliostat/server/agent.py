"""The agent as a process: its QEMU hypervisor and its link, wired together."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
from pathlib import Path

from heliostat.agent.credentials import Credentials
from heliostat.agent.hypervisors.qemu.driver import QemuHypervisor
from heliostat.agent.hypervisors.qemu.probe import host_kernel
from heliostat.agent.join import join
from heliostat.agent.renewal import Renewal
from heliostat.agent.service import Agent
from heliostat.agent.settings import AgentSettings
from heliostat.core import logs
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.member.places import Machine
from heliostat.os.image.tiny import build_tiny
from heliostat.server import daemon, pidfile
from heliostat.server.agent_store import keep_stores
from heliostat.server.home import Home
from heliostat.server.settings import load_settings

log = logging.getLogger(__name__)


def main(home: Home, folder: Path | None, token: str | None) -> None:
    """Join if asked to, then run until SIGTERM or SIGINT."""
    logs.configure(logs.LogSettings())
    try:
        own = folder or home.agent
        everything = load_settings(home.path)
        logs.configure(everything.log)
        settings = everything.agent
        if token is not None:
            asyncio.run(join(token, own))
        files = Credentials(own)
        if not files.joined:
            raise PermanentError(
                "NotRunning",
                f"The agent in {own} has not joined a platform.",
                hint="Get a token with `helio host join-token` and pass it with --join.",
            )
        asyncio.run(_run(home, own, files, _with_probe_kernel(home, settings)))
    except HeliostatError as error:
        daemon.tell_failed(error)
        raise


async def _run(home: Home, own: Path, files: Credentials, settings: AgentSettings) -> None:
    logs.bind(host=files.host_id)
    clock, hypervisor = SystemClock(), QemuHypervisor(own, settings)
    await hypervisor.open()  # before anybody is told that the agent is up: QEMU may be missing
    agent = Agent(own, Renewal(files, clock).dial, hypervisor, clock, settings)
    running = asyncio.create_task(agent.run())
    keeping = asyncio.create_task(keep_stores(files, Machine.here(), clock))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    path = home.pid_file("agent") if own == home.agent else own / "agent.pid"
    pidfile.write(path)
    daemon.tell_ready()
    try:
        await running
    except asyncio.CancelledError:
        log.info("stopping; guests run on")
    finally:
        keeping.cancel()
        path.unlink(missing_ok=True)


def _with_probe_kernel(home: Home, settings: AgentSettings) -> AgentSettings:
    """Give the KVM probe a kernel to boot on a host that has none to read (a container)."""
    wants_probe = settings.accelerator == "auto" and os.access("/dev/kvm", os.R_OK | os.W_OK)
    if not wants_probe or settings.probe_kernel is not None or host_kernel() is not None:
        return settings
    try:
        tiny = build_tiny(home.cache)
    except HeliostatError as error:
        log.warning("KVM can't be probed, so guests are emulated: %s", error)
        return settings
    return dataclasses.replace(settings, probe_kernel=tiny.kernel, probe_initrd=tiny.initrd)
