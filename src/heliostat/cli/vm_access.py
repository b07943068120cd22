"""``helio vm console``, ``vnc``, ``tunnel`` and ``ssh``: getting into a guest.

All go through the platform's API, so the client needs no route to guests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import click

from heliostat.cli import naming, options, ssh, text, viewing
from heliostat.cli.carrying import follow, make
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.client import terminal
from heliostat.client.bridging import Ending, Forwarder, bridge
from heliostat.client.guests import wait_for_ssh
from heliostat.client.tunnels import Tunnel
from heliostat.wire.machines import MachineInvitation

ESCAPE = b"\x1d"
_LOOPBACK = "127.0.0.1"
_FIRST_DISPLAY, _DISPLAYS = 5900, 100


@click.command("console", cls=Verb)
@click.argument("vm")
@options.project
@pass_session
def console(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Open the serial console of VM; Ctrl-] leaves it."""
    found = naming.vm_id(session, vm, project, tenant)
    tunnel = session.client.vms.console(found)
    interactive = terminal.is_terminal()
    if interactive:
        session.output.note("Connected to the serial console. Ctrl-] leaves it.")
    with terminal.raw_input() as read:
        ending = bridge(
            tunnel, read, terminal.binary_output(), escape=ESCAPE if interactive else b""
        )
    if interactive:
        session.output.note("\nLeft the console." if ending is Ending.ESCAPE else "\nClosed.")


@click.command("tunnel", cls=Verb)
@click.argument("vm")
@click.argument("port", type=click.IntRange(1, 65535))
@click.option(
    "--listen",
    metavar="[ADDRESS:]PORT",
    help="Carry connections to a local port (0: any free one), not standard input and output.",
)
@options.project
@pass_session
def tunnel(
    session: Session,
    vm: str,
    port: int,
    listen: str | None,
    project: str | None,
    tenant: str | None,
) -> None:
    """Reach the TCP PORT of the guest of VM."""
    found = naming.vm_id(session, vm, project, tenant)
    if listen is None:
        opened = session.client.vms.port(found, port)
        bridge(opened, terminal.binary_input(), terminal.binary_output())
        return
    address, local_port = _listening(listen)
    forwarder = Forwarder(address, local_port, lambda: session.client.vms.port(found, port))
    session.output.note(f"Port {port} of the guest is at {address}:{forwarder.port}; Ctrl-C ends.")
    try:
        forwarder.serve(lambda error: session.output.note(f"Connection failed: {error.message}"))
    finally:
        forwarder.close()


@click.command("vnc", cls=Verb)
@click.argument("vm")
@click.option(
    "--listen",
    metavar="[ADDRESS:]PORT",
    help="Local port to listen on (default: the first free one from 5900).",
)
@click.option("--open", "opening", is_flag=True, help="Start a VNC viewer that is installed here.")
@options.project
@pass_session
def vnc(
    session: Session,
    vm: str,
    listen: str | None,
    opening: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """Show the screen of VM: a local port for VNC viewers, until Ctrl-C.

    Whoever can connect to the local port sees the screen, so it listens on this machine only.
    """
    found = naming.vm_id(session, vm, project, tenant)
    session.client.vms.screen(found).close()  # what keeps it from opening is told now
    viewer = viewing.installed() if opening else None
    forwarder = _screen_port(listen, lambda: session.client.vms.screen(found))
    session.output.note(
        f"The screen is at {forwarder.address}:{forwarder.port}; Ctrl-C ends.\n"
        f"  vncviewer {forwarder.address}::{forwarder.port}"
    )
    if viewer is not None:
        viewing.start(viewer, forwarder.address, forwarder.port, ended=forwarder.close)
    try:
        forwarder.serve(lambda error: session.output.note(f"Connection failed: {error.message}"))
    finally:
        forwarder.close()


@click.command("mks-ticket", cls=Verb)
@click.argument("vm")
@options.project
@pass_session
def mks_ticket(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Get a ticket that opens the screen of VM once, within a minute.

    For programs that can't sign in, such as noVNC in a browser.
    """
    task = session.client.vms.mks_ticket(naming.vm_id(session, vm, project, tenant))
    found = follow(session, task).resource_properties
    if session.output.json:
        session.output.value(found)
    elif session.output.quiet:
        session.output.line(str(found["ticket"]))
    else:
        address = f"wss://{found['host']}:{found['port']}{found['cfg_file']}"
        session.output.line(f"{address}?ticket={found['ticket']}")
        session.output.note(f"SHA-256 of its certificate: {found['ssl_thumbprint'] or '-'}")


@click.command("identity", cls=Verb)
@click.argument("vm")
@options.project
@options.changes
@pass_session
def identity(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Make a one-time token that gives VM an identity, bound to it and its project.

    Programs in it then get tokens and certificates of their own.
    """
    found = naming.vm_id(session, vm, project, tenant)
    make(session, session.client.machines.invite_vm(found), _how_to_join)


def _how_to_join(made: MachineInvitation) -> str:
    until = text.moment(made.expires_time)
    command = f"helio identity join --certificate-only {made.token}"
    return f"Run this in the VM, once before {until}:\n  {command}"


def _screen_port(listen: str | None, open_screen: Callable[[], Tunnel]) -> Forwarder:
    """The port asked for, or the first free one where viewers look for displays."""
    if listen is not None:
        return Forwarder(*_listening(listen), open_screen)
    for port in range(_FIRST_DISPLAY, _FIRST_DISPLAY + _DISPLAYS):
        with contextlib.suppress(OSError):
            return Forwarder(_LOOPBACK, port, open_screen)
    return Forwarder(_LOOPBACK, 0, open_screen)


@click.command(
    "ssh",
    cls=Verb,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
)
@click.argument("vm")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-l", "--user", default="root", show_default=True, help="User in the guest.")
@click.option("-i", "--identity", type=click.Path(path_type=Path), help="Private key file.")
@click.option("--port", type=click.IntRange(1, 65535), default=22, show_default=True)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait this long for the guest's SSH server to answer.",
)
@options.project
@pass_session
def open_ssh(
    session: Session,
    vm: str,
    command: tuple[str, ...],
    user: str,
    identity: Path | None,
    port: int,
    wait_s: float,
    project: str | None,
    tenant: str | None,
) -> int:
    """Run the system's ssh to VM: helio vm ssh VM [-- COMMAND...].

    The exit code is that of ssh.
    """
    found = naming.vm_id(session, vm, project, tenant)
    if wait_s:
        wait_for_ssh(session.client, found, timeout_s=wait_s, port=port)
    return ssh.run(ssh.Login(session, found, user, identity, port), command)


def _listening(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is not [ADDRESS:]PORT.", param_hint="--listen")
    return address.strip("[]") or _LOOPBACK, int(port)


VERBS = (console, vnc, mks_ticket, tunnel, open_ssh, identity)
