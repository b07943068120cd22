"""``helio up`` and ``helio down``: a platform on one machine, started and stopped.

Both may be run at any time and do only what is missing.
"""

from __future__ import annotations

import asyncio
import sys
import time

import click

from heliostat.client.client import Client
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.os.image.built import BuiltImage
from heliostat.os.image.from_nothing import Places, build
from heliostat.os.monitor import Monitor, monitor_for
from heliostat.server import daemon, pidfile, ports
from heliostat.server.demo import Demo, Platform
from heliostat.server.home import Home
from heliostat.server.settings import Settings, load_settings
from heliostat.wire.hosts import Host, HostCreateSpec

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
GUEST_GRACE_S = 40.0
LINK_TIMEOUT_S = 120.0
LINK_POLL_S = 0.1
TELL_AFTER_S = 2.0
EDITION = "minimal"


def bring_up(home: Home) -> None:
    """Start what does not run yet; the first start makes the platform."""
    monitor = monitor_for(sys.stderr)
    home.prepare()
    ports.choose(home, load_settings(home.path))
    settings = load_settings(home.path)
    _start_controller(home, monitor)
    _start_agent(home, monitor)
    click.echo(f"The platform runs at {_url(settings)}. Its state is in {home.path}.")
    click.echo(f"  export HELIO_HOME={home.path}    # this shell administers it; try: helio status")


def run_demo(home: Home) -> None:
    """Do the main job on the platform that runs in ``home``."""
    monitor = monitor_for(sys.stderr)
    settings = load_settings(home.path)
    if pidfile.read(home.pid_file("controller")) is None:
        raise HeliostatError("NotRunning", f"No platform runs in {home.path}.")
    platform = Platform(
        home.path,
        home.socket,
        _url(settings),
        (home.authority / "ca.pem").read_text(),
        settings.identity.domain,
    )
    vm = Demo(platform, monitor).run(_image(home, monitor))
    click.echo(_NEXT.format(home=home.path, vm=vm.name, image=vm.source_image_id))


def bring_down(home: Home) -> None:
    """Stop the agent with its guests, then the controller."""
    monitor = monitor_for(sys.stderr)
    from heliostat.agent.shutdown import stop_guests

    with monitor.step("stop the agent"):
        stopped = pidfile.stop(home.pid_file("agent"), timeout_s=STOP_TIMEOUT_S)
    with monitor.step("stop the guests"):
        guests = asyncio.run(stop_guests(home.agent, SystemClock(), grace_s=GUEST_GRACE_S))
        monitor.progress(f"{guests} ran")
    with monitor.step("stop the controller"):
        stopped |= pidfile.stop(home.pid_file("controller"), timeout_s=STOP_TIMEOUT_S)
    click.echo("The platform is stopped." if stopped else "Nothing ran.")


def _image(home: Home, monitor: Monitor) -> BuiltImage:
    """The image of the demo's machine; the first time, its packages are imported."""
    places = Places(cache=home.cache / "os", home=home.path / "os")
    return build(EDITION, home.cache / "images", places, monitor)


def _start_controller(home: Home, monitor: Monitor) -> None:
    if pidfile.read(home.pid_file("controller")) is not None:
        return
    from heliostat.server.controller import initialise

    password = asyncio.run(initialise(home))
    if password is not None:
        click.echo(
            f"The administrator's password is {password}\n"
            "It is shown this once and kept only as a hash."
        )
    with monitor.step("start the controller"):
        daemon.start("controller", home.path, timeout_s=START_TIMEOUT_S)


def _start_agent(home: Home, monitor: Monitor) -> None:
    if pidfile.read(home.pid_file("agent")) is not None:
        return
    from heliostat.agent.credentials import Credentials
    from heliostat.agent.join import join

    with monitor.step("start the agent"), Client(f"unix:{home.socket}") as owner:
        host = _this_host(owner)
        files = Credentials(home.agent)
        # A store that was put back may not know the host that the agent joined as.
        if not files.joined or files.host_id != host.id:
            token = owner.hosts.join_token(host.id).submit().token
            asyncio.run(join(token, home.agent))
        daemon.start("agent", home.path, timeout_s=START_TIMEOUT_S)
        _await_link(home, owner, host.id, monitor)


def _await_link(home: Home, owner: Client, host_id: str, monitor: Monitor) -> None:
    """Wait until the agent's link is up; the first start may probe KVM before that."""
    deadline = time.monotonic() + LINK_TIMEOUT_S
    told = False
    while owner.hosts.get(host_id).agent_state != "ACTIVE":
        if pidfile.read(home.pid_file("agent")) is None:
            raise HeliostatError(
                "AgentUnavailable",
                f"The agent ended again: {daemon.last_line(home.log('agent'))}",
                hint=f"Its log tells more: {home.log('agent')}",
            )
        if time.monotonic() > deadline:
            raise HeliostatError(
                "AgentUnavailable",
                f"The agent did not reach the controller within {LINK_TIMEOUT_S:.0f} s.",
                hint=f"Its log tells why: {home.log('agent')}",
            )
        if not told and time.monotonic() > deadline - LINK_TIMEOUT_S + TELL_AFTER_S:
            monitor.progress("trying whether KVM boots a guest here (half a minute at most)")
            told = True
        time.sleep(LINK_POLL_S)


def _this_host(owner: Client) -> Host:
    """The document of this machine, made at the first start."""
    for host in owner.hosts.list():
        if host.address == _ADDRESS:
            return host
    task = owner.hosts.create(HostCreateSpec(address=_ADDRESS, usage_tags=["CLOUD", "MGMT"]))
    done = owner.tasks.wait(task.submit())
    if done.entity is None:
        raise HeliostatError("InternalError", "The host's task names no host.")
    return owner.hosts.get(done.entity.id)


_ADDRESS = "127.0.0.1"


def _url(settings: Settings) -> str:
    return f"https://{settings.api.names[0]}:{settings.api.port}"


_NEXT = """
The first machine, {vm}, answers. What to try next (helio is .venv/bin/helio):

  export HELIO_HOME={home}          # this shell administers the platform
  helio status
  helio vm list --tenant demo --project demo
  helio task list

  export HELIO_CONFIG=$HELIO_HOME/demo/config.toml      # ... or is the demo's developer
  helio vm ssh {vm} --identity $HELIO_HOME/demo/id_ed25519
  helio vm create second --flavor demo-vm --image {image} --plan

The tutorial goes on from here: docs/tutorial/. Stop everything with `make down`."""
