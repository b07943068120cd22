"""``helio identity node`` and ``helio identity migrate``: the directory on several machines."""

from __future__ import annotations

import os
from pathlib import Path

import click

from heliostat.cli import options, text
from heliostat.cli.carrying import end, make, show_plan
from heliostat.cli.options import Noun, Verb, pass_session
from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.cli.told_once import told_once
from heliostat.client.calls import Change
from heliostat.wire.directory_nodes import (
    CreatedDirectoryNode,
    DirectoryCount,
    DirectoryNode,
    DirectoryNodeCreateSpec,
    DirectoryNodeStanding,
)

_COLUMNS = (
    Column[DirectoryNode]("name", lambda node: node.name),
    Column[DirectoryNode]("site", lambda node: node.site),
    Column[DirectoryNode]("url", lambda node: node.url),
    Column[DirectoryNode]("here", lambda node: text.cell(node.local)),
    Column[DirectoryNode]("joined", lambda node: text.cell(node.joined)),
    Column[DirectoryNode]("configuration", lambda node: node.configuration),
)
_STANDINGS = (
    Column[DirectoryNodeStanding]("name", lambda node: node.name),
    Column[DirectoryNodeStanding]("site", lambda node: node.site),
    Column[DirectoryNodeStanding]("behind", lambda node: f"{node.behind_seconds:.3f} s"),
    Column[DirectoryNodeStanding]("in words", lambda node: node.words),
)
_COUNTS = (
    Column[DirectoryCount]("tenant", lambda count: count.tenant),
    Column[DirectoryCount]("kind", lambda count: count.kind),
    Column[DirectoryCount]("count", lambda count: str(count.count)),
    Column[DirectoryCount]("sha-256", lambda count: count.sha256[:16]),
)


@click.group("node", cls=Noun)
def node() -> None:
    """Servers (OpenLDAP) that each hold a copy of the directory, and all take changes."""


@node.command("add")
@click.argument("name")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where others reach it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=9636, show_default=True)
@click.option("--site", default="default", show_default=True, help="The place that it is at.")
@click.option(
    "--bundle", type=click.Path(path_type=Path), metavar="FILE",
    help="For another machine: write what it is made from to FILE (secret), to be carried there.",
)  # fmt: skip
@options.changes
@pass_session
def add(session: Session, name: str, host: str, port: int, site: str, bundle: Path | None) -> None:
    """Add the node NAME: on the controller's machine, or with --bundle on another one."""
    spec = DirectoryNodeCreateSpec(name=name, host=host, port=port, site=site, local=bundle is None)
    _carry_out(session, session.client.directory_nodes.create(spec), bundle)


@node.command("replace")
@click.argument("name")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="FILE", help="As for `add`.")
@options.changes
@pass_session
def replace(session: Session, name: str, bundle: Path | None) -> None:
    """Make the node NAME anew, empty: it copies everything from the others.

    One of another machine needs --bundle, because its keys are new, too.
    """
    local = session.client.directory_nodes.get(name).local
    if local is (bundle is not None):
        where = "runs on the controller's machine" if local else "runs on another machine"
        raise click.UsageError(f"{name} {where}: {'leave out' if local else 'give'} --bundle.")
    _carry_out(session, session.client.directory_nodes.replace(name), bundle)


@node.command("list")
@pass_session
def list_nodes(session: Session) -> None:
    """List the nodes."""
    found = session.client.directory_nodes.list()
    session.output.items(found, _COLUMNS, empty="No nodes: the directory is in the store.")


@node.command("show")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show the node NAME."""
    session.output.entity(session.client.directory_nodes.get(name))


@node.command("status")
@pass_session
def status(session: Session) -> None:
    """Tell where everybody is, which nodes are behind and since when, and what conflicted."""
    home = session.client.directory_nodes.home()
    if session.output.json:
        session.output.entity(home)
        return
    moving = f", on the way to {home.moving_to} ({home.phase})" if home.moving_to else ""
    session.output.line(f"People and groups are in the {home.place} directory{moving}.")
    session.output.items(iter(home.nodes), _STANDINGS, empty="No nodes.")
    for each in home.conflicts:
        session.output.line(f"Conflict: {each}")
    for each in home.removed:
        session.output.line(f"Removed: {each}")


@node.command("remove")
@click.argument("name")
@options.changes
@pass_session
def remove(session: Session, name: str) -> None:
    """Take the node NAME out; what only it had is lost (see `status` first)."""
    change = session.client.directory_nodes.delete(name)
    end(session, change, name, f"Node {name} is removed.")


@click.command("migrate", cls=Verb)
@click.option("--to", "place", type=click.Choice(["openldap", "embedded"]), required=True)
@options.changes
@pass_session
def migrate(session: Session, place: str) -> None:
    """Move everybody into OpenLDAP, or back; passwords and sign-ins stay as they are."""
    change = session.client.directory_nodes.move(place)
    if session.choices.plan:
        show_plan(session, change.plan())
        return
    home = change.submit()
    while home.moving_to:  # asked again, it goes on waiting, and tells what went wrong
        home = session.client.directory_nodes.move(place).submit()
    if session.output.json or session.output.quiet:
        session.output.entity(home)
        return
    session.output.items(iter(home.counts), _COUNTS, empty="Nobody had to be moved.")
    session.output.line(f"People and groups are in the {home.place} directory.")


def _carry_out(session: Session, change: Change[CreatedDirectoryNode], bundle: Path | None) -> None:
    if session.choices.plan or bundle is None:
        make(session, change, lambda made: f"Node {made.name} is at {made.url}.")
        return
    # made before the node is, so that its keys are not lost to a path that can't be written
    handle = os.open(bundle, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        try:
            made = change.submit()
            again = f"helio identity node replace {made.name} --bundle {bundle}"
            file.write(told_once(made.bundle, f"Node {made.name} is made", again))
        except BaseException:
            bundle.unlink()
            raise
    session.output.line(f"Node {made.name} will be at {made.url}.")
    session.output.note(
        f"Carry {bundle} to that machine, run `helio directory-node {bundle}` there, delete it."
    )
