"""``helio vm networks``, ``stats``, ``log`` and ``tasks``: what is known about a VM."""

from __future__ import annotations

import sys

import click

from heliostat.cli import naming, options
from heliostat.cli.carrying import follow
from heliostat.cli.explaining import explanation_lines
from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.cli.statistics import show_samples
from heliostat.client.logs import WINDOW_BYTES, follow_log

_ADDRESS_FIELDS = ("network", "macAddress", "ipAddress", "netmask", "isConnected")


@click.command("networks", cls=Verb)
@click.argument("vm")
@options.project
@pass_session
def networks(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Show the network connections and addresses of VM."""
    task = session.client.vms.networks(naming.vm_id(session, vm, project, tenant))
    found = follow(session, task).resource_properties.get("networkConnections") or []
    if session.output.json:
        session.output.value(found)
    elif session.output.quiet:
        for connection in found:
            session.output.line(str(connection.get("ipAddress", "")))
    elif found:
        rows = [[str(item.get(name) or "-") for name in _ADDRESS_FIELDS] for item in found]
        session.output.table(["network", "mac", "ip", "netmask", "connected"], rows)
    else:
        session.output.note("No network connections.")


@click.command("stats", cls=Verb)
@click.argument("vm")
@click.option("--samples", is_flag=True, help="Every sample of the last hour, not a summary.")
@options.project
@pass_session
def stats(
    session: Session, vm: str, samples: bool, project: str | None, tenant: str | None
) -> None:
    """Show CPU, memory, disk and network of VM over the last hour."""
    found = session.client.vms.stats(naming.vm_id(session, vm, project, tenant))
    show_samples(session, found.samples, found, every=samples)


@click.command("log", cls=Verb)
@click.argument("vm")
@click.option(
    "--tail",
    "tail_bytes",
    type=click.IntRange(1, 1 << 20),
    default=65536,
    show_default=True,
    metavar="BYTES",
    help="How much of the end.",
)
@click.option(
    "-f", "--follow", "following", is_flag=True, help="Go on with what comes; Ctrl-C ends."
)
@options.project
@pass_session
def log(
    session: Session,
    vm: str,
    tail_bytes: int,
    following: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """Print the end of VM's serial console log."""
    if following and session.output.json:
        raise click.UsageError("--follow prints text as it comes; leave out -o json.")
    vm_id = naming.vm_id(session, vm, project, tenant)
    if following:
        _follow_log(session, vm_id, tail_bytes)
        return
    found = session.client.vms.log(vm_id, tail_bytes=tail_bytes)
    if session.output.json:
        session.output.value(found)
        return
    sys.stdout.write(found.text)
    if found.text and not found.text.endswith("\n"):
        sys.stdout.write("\n")


def _follow_log(session: Session, vm_id: str, tail_bytes: int) -> None:
    window = max(tail_bytes, WINDOW_BYTES)
    log = follow_log(
        lambda: session.client.vms.log(vm_id, tail_bytes=window).text,
        missed=lambda error: session.output.note(f"{error.message} Trying again."),
    )
    shown = next(log).encode()[-tail_bytes:].decode(errors="ignore")
    while True:
        sys.stdout.write(shown)
        sys.stdout.flush()
        shown = next(log)


@click.command("tasks", cls=Verb)
@click.argument("vm")
@click.option("--state", default="", help="Only tasks in this state.")
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@options.project
@pass_session
def tasks(
    session: Session, vm: str, state: str, limit: int, project: str | None, tenant: str | None
) -> None:
    """List the tasks of VM; of one that is gone, by its id."""
    found = naming.vm_id(session, vm, project, tenant)
    show_tasks(session, session.client.vms.tasks(found, state=state), limit)


@click.command("explain", cls=Verb)
@click.argument("vm")
@options.project
@pass_session
def explain(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Tell how VM found its host: what was considered, ruled out and preferred."""
    found = naming.vm_id(session, vm, project, tenant)
    created = [task for task in session.client.vms.tasks(found) if task.operation == "CREATE_VM"]
    if not created:
        raise click.ClickException("The task that created it is no longer kept.")
    told = session.client.tasks.explain(created[0].id)
    if session.output.json or session.output.quiet:
        session.output.entity(told)
        return
    for line in explanation_lines(told):
        session.output.line(line)


VERBS = (networks, stats, log, tasks, explain)
