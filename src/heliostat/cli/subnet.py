"""``helio subnet``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options, text
from heliostat.cli.carrying import carry_out
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.subnets import Subnet

_COLUMNS = (
    Column[Subnet]("id", lambda subnet: subnet.id),
    Column[Subnet]("name", lambda subnet: subnet.name),
    Column[Subnet]("cidr", lambda subnet: text.cell(subnet.private_ip_cidr)),
    Column[Subnet]("state", lambda subnet: subnet.state),
    Column[Subnet]("default", lambda subnet: "yes" if subnet.is_default else "no"),
)


@click.group("subnet", cls=Noun)
def subnet() -> None:
    """Subnets: what VMs are connected to."""


@subnet.command("list")
@click.option("--name", default="", help="Only the one with exactly this name.")
@pass_session
def list_subnets(session: Session, name: str) -> None:
    """List the subnets."""
    session.output.items(session.client.subnets.list(name=name), _COLUMNS, empty="No subnets.")


@subnet.command("show")
@click.argument("subnet")
@pass_session
def show(session: Session, subnet: str) -> None:
    """Show SUBNET (name or id)."""
    session.output.entity(session.client.subnets.get(naming.subnet_id(session, subnet)))


@subnet.command("set-default")
@click.argument("subnet")
@options.task
@pass_session
def set_default(session: Session, subnet: str) -> None:
    """Connect VMs that name no subnet to SUBNET."""
    found = naming.subnet_id(session, subnet)
    carry_out(session, session.client.subnets.set_default(found))
