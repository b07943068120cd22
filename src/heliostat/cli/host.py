"""``helio host``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.affinities import parse_pairs
from heliostat.cli.carrying import carry_out, follow, make, show_plan
from heliostat.cli.failures import REFUSED
from heliostat.cli.labelling import label_verb, parse_labels
from heliostat.cli.listing import DEFAULT_LIMIT, VM_COLUMNS, show_tasks
from heliostat.cli.options import Noun, Verb, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.cli.statistics import show_samples
from heliostat.client.hosts import Mode
from heliostat.wire.hosts import Host, HostCreateSpec, JoinToken

_COLUMNS = (
    Column[Host]("id", lambda host: host.id),
    Column[Host]("address", lambda host: host.address),
    Column[Host]("state", lambda host: host.state),
    Column[Host]("agent", lambda host: text.cell(host.agent_state)),
    Column[Host]("cpus", lambda host: text.cell(host.cpu_count or "")),
    Column[Host](
        "memory", lambda host: text.size(host.memory_mib << 20) if host.memory_mib else "-"
    ),
    Column[Host](
        "disk free", lambda host: text.size(host.disk_free_bytes) if host.disk_total_bytes else "-"
    ),
    Column[Host]("runs", lambda host: text.cell(host.accelerator or host.hypervisor)),
)

_MODES: dict[Mode, str] = {
    "provision": "Wait for the agent of HOST to join; it is READY then.",
    "suspend": "Place nothing new on HOST; its VMs run on.",
    "resume": "Use a suspended HOST again.",
    "enter-maintenance": "Take a suspended, empty HOST out of use.",
    "exit-maintenance": "Use a HOST in maintenance again.",
}


@click.group("host", cls=Noun)
def host() -> None:
    """Hosts: the machines that run VMs, each through its agent."""


@host.command("create")
@click.argument("address")
@click.option("--usage", "usage", multiple=True, default=("CLOUD",), show_default=True)
@click.option("--zone", default="", help="Availability zone (name or id).")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE")
@options.labels
@options.task
@pass_session
def create(
    session: Session,
    address: str,
    usage: tuple[str, ...],
    zone: str,
    metadata: tuple[str, ...],
    labels: tuple[str, ...],
) -> None:
    """Add the machine at ADDRESS and print the command that makes its agent join."""
    spec = HostCreateSpec(
        address=address,
        usage_tags=[*usage],
        zone=zone,
        metadata=parse_pairs(metadata, "--metadata"),
        labels=parse_labels(labels),
    )
    change = session.client.hosts.create(spec)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    task = follow(session, change.submit())
    token = session.client.hosts.join_token(task.entity.id).submit()
    if session.output.json or session.output.quiet:
        session.output.value(token) if session.output.json else session.output.line(token.host_id)
        return
    session.output.line(f"Host {token.host_id} is added; it waits for its agent.")
    session.output.line(_how_to_join(token))


@host.command("join-token")
@click.argument("host")
@options.changes
@pass_session
def join_token(session: Session, host: str) -> None:
    """Make a one-time token that lets an agent join as HOST."""
    found = naming.host_id(session, host)
    make(session, session.client.hosts.join_token(found), _how_to_join)


@host.command("list")
@click.option("--state", default="", help="Only those in this state.")
@click.option("--zone", default="", help="Only those in this zone (name or id).")
@click.option("--usage", default="", help="Only those for this use: CLOUD or MGMT.")
@options.selector
@pass_session
def list_hosts(session: Session, state: str, zone: str, usage: str, selector: str) -> None:
    """List the hosts."""
    zone_id = naming.zone_id(session, zone) if zone else ""
    found = session.client.hosts.list(
        selector=selector, state=state.upper(), zone=zone_id, usage=usage.upper()
    )
    session.output.items(found, _COLUMNS, empty="No hosts; `helio host create` adds one.")


@host.command("show")
@click.argument("host")
@pass_session
def show(session: Session, host: str) -> None:
    """Show HOST (id, address or host name)."""
    session.output.entity(session.client.hosts.get(naming.host_id(session, host)))


@host.command("delete")
@click.argument("host")
@options.task
@pass_session
def delete(session: Session, host: str) -> None:
    """Remove HOST: in maintenance, in error, or never provisioned."""
    carry_out(session, session.client.hosts.delete(naming.host_id(session, host)))


@host.command("vms")
@click.argument("host")
@pass_session
def vms(session: Session, host: str) -> None:
    """List the VMs on HOST."""
    found = session.client.hosts.vms(naming.host_id(session, host))
    session.output.items(found, VM_COLUMNS, empty="No VMs.")


@host.command("stats")
@click.argument("host")
@click.option("--samples", is_flag=True, help="Every sample of the last hour, not a summary.")
@pass_session
def stats(session: Session, host: str, samples: bool) -> None:
    """Show CPU, memory, disk and network of HOST over the last hour."""
    found = session.client.hosts.stats(naming.host_id(session, host))
    show_samples(session, found.samples, found, every=samples)


@host.command("tasks")
@click.argument("host")
@click.option("--state", default="", help="Only tasks in this state.")
@click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
@pass_session
def tasks(session: Session, host: str, state: str, limit: int) -> None:
    """List the tasks of HOST."""
    found = naming.host_id(session, host)
    show_tasks(session, session.client.hosts.tasks(found, state=state), limit)


@host.command("set-zone")
@click.argument("host")
@click.argument("zone")
@options.task
@pass_session
def set_zone(session: Session, host: str, zone: str) -> None:
    """Put HOST, which is in no availability zone, into ZONE (name or id)."""
    found, zone_id = naming.host_id(session, host), naming.zone_id(session, zone)
    carry_out(session, session.client.hosts.set_zone(found, zone_id))


@host.command("safe-to-stop")
@click.argument("host")
@pass_session
def safe_to_stop(session: Session, host: str) -> int:
    """Tell whether HOST can be stopped without interrupting anything; exits with 1 if not."""
    found = session.client.hosts.safe_to_stop(naming.host_id(session, host))
    if session.output.json:
        session.output.value(found)
    else:
        for reason in found.reasons:
            session.output.line(f"{'blocks' if reason.blocks else 'note  '}  {reason.message}")
        session.output.line("Safe to stop." if found.safe else "Not safe to stop.")
    return 0 if found.safe else REFUSED


def _mode_verb(mode: Mode, summary: str) -> click.Command:
    @click.command(mode, cls=Verb, help=summary)
    @click.argument("host")
    @options.task
    @pass_session
    def set_mode(session: Session, host: str) -> None:
        found = naming.host_id(session, host)
        carry_out(session, session.client.hosts.set_mode(found, mode))

    return set_mode


for _mode, _summary in _MODES.items():
    host.add_command(_mode_verb(_mode, _summary))


def _how_to_join(token: JoinToken) -> str:
    until = f" before {text.moment(token.expires_time)}" if token.expires_time else ""
    return f"Run this on the host, once{until}:\n  helio agent --join {token.token}"


host.add_command(label_verb("host", naming.host_id))
