"""``helio flavor``."""

from __future__ import annotations

import click

from heliostat.cli import naming, options
from heliostat.cli.carrying import carry_out
from heliostat.cli.history import tasks_verb
from heliostat.cli.labelling import label_verb, parse_labels
from heliostat.cli.limits import parse_cost
from heliostat.cli.listing import cost as cost_text
from heliostat.cli.options import Noun, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.wire.flavors import Flavor, FlavorCreateSpec

_KINDS = click.Choice(["vm", "persistent-disk", "ephemeral-disk"])

_COLUMNS = (
    Column[Flavor]("id", lambda flavor: flavor.id),
    Column[Flavor]("name", lambda flavor: flavor.name),
    Column[Flavor]("kind", lambda flavor: flavor.kind),
    Column[Flavor]("state", lambda flavor: flavor.state),
    Column[Flavor]("cost", lambda flavor: cost_text(flavor.cost)),
)


@click.group("flavor", cls=Noun)
def flavor() -> None:
    """Flavors: named sizes of VMs and kinds of disks."""


@flavor.command("create")
@click.argument("name")
@click.option("--kind", required=True, type=_KINDS, help="What is made from it.")
@click.option("--cost", required=True, help="E.g. 'vm.cpu 1 COUNT, vm.memory 2 GB'.")
@options.labels
@options.task
@pass_session
def create(session: Session, name: str, kind: str, cost: str, labels: tuple[str, ...]) -> None:
    """Create the flavor NAME."""
    spec = FlavorCreateSpec(
        name=name, kind=kind, cost=parse_cost(cost), labels=parse_labels(labels)
    )
    carry_out(session, session.client.flavors.create(spec))


@flavor.command("list")
@click.option("--name", default="", help="Only those with exactly this name.")
@click.option("--kind", type=_KINDS, help="Only those of this kind.")
@options.selector
@pass_session
def list_flavors(session: Session, name: str, kind: str | None, selector: str) -> None:
    """List the flavors."""
    found = session.client.flavors.list(name=name, kind=kind or "", selector=selector)
    session.output.items(found, _COLUMNS, empty="No flavors.")


@flavor.command("show")
@click.argument("flavor")
@click.option("--kind", type=_KINDS, help="Which one, where kinds share the name.")
@pass_session
def show(session: Session, flavor: str, kind: str | None) -> None:
    """Show FLAVOR (name or id)."""
    found = naming.flavor_id(session, flavor, kind or "")
    session.output.entity(session.client.flavors.get(found))


@flavor.command("delete")
@click.argument("flavor")
@click.option("--kind", type=_KINDS, help="Which one, where kinds share the name.")
@options.task
@pass_session
def delete(session: Session, flavor: str, kind: str | None) -> None:
    """Delete FLAVOR; while in use it stays, for what uses it only."""
    found = naming.flavor_id(session, flavor, kind or "")
    carry_out(session, session.client.flavors.delete(found))


flavor.add_command(label_verb("flavor", naming.flavor_id))
flavor.add_command(
    tasks_verb(
        "flavor",
        naming.flavor_id,
        lambda session, id_, state: session.client.flavors.tasks(id_, state=state),
    )
)
