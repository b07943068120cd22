"""``helio apply`` and ``helio export``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from heliostat.cli import naming, options
from heliostat.cli.declaring import exporting, showing
from heliostat.cli.declaring.carrying import Carrier, Result
from heliostat.cli.declaring.declaration import Declaration, declare
from heliostat.cli.declaring.difference import Action, Kept, compare, ordered, superfluous
from heliostat.cli.declaring.makers import Makers
from heliostat.cli.declaring.present import Platform
from heliostat.cli.declaring.pruning import of_set
from heliostat.cli.declaring.sources import read_files
from heliostat.cli.failures import OK, REFUSED, TASK_FAILED, Interrupted
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.progress import Progress
from heliostat.cli.session import Session
from heliostat.client.waiting import Patience
from heliostat.wire.tasks import Task


@click.command("apply", cls=Verb)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="A YAML file, a folder of such, or - for standard input; may be repeated.",
)
@click.option("--set", "set_name", default="", help="Name of this set of files, for --prune.")
@click.option("--prune", is_flag=True, help="Delete what is of the set and declared no more.")
@click.option("--prune-disks", is_flag=True, help="With --prune: persistent disks too.")
@click.option(
    "--remake",
    multiple=True,
    metavar="THING",
    help="Delete and make anew, where a change takes that: 'vm acme/web/web1'.",
)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop waiting for a task after this time; it goes on.",
)
@options.changes
@pass_session
def apply(
    session: Session,
    files: tuple[Path, ...],
    set_name: str,
    prune: bool,
    prune_disks: bool,
    remake: tuple[str, ...],
    yes: bool,
    timeout: float | None,
) -> int:
    """Make tenants, projects, flavors, images, disks and VMs as files declare them.

    Shows the difference and asks before it acts; a second run finds nothing to do.
    """
    declaration = _read(files, set_name, prune=prune)
    if prune_disks and not prune:
        raise click.UsageError("--prune-disks goes with --prune.")
    platform = Platform(session.client)
    actions, kept = _difference(platform, declaration, remake, prune=prune, disks=prune_disks)
    output = session.output
    acting = [each for each in actions if not each.does_nothing]
    if not output.json:
        for line in showing.lines(actions, kept):
            output.line(line)
    if session.choices.plan or not acting:
        if output.json:
            output.value(showing.report(actions, kept, ()))
        return OK if session.choices.plan or not actions else REFUSED
    _ask(yes)
    results = _carry_out(session, platform, declaration, actions, timeout)
    if output.json:
        output.value(showing.report(actions, kept, results))
    return _exit_code(session, actions, results)


@click.command("export", cls=Verb)
@options.project
@pass_session
def export(session: Session, project: str | None, tenant: str | None) -> None:
    """Print what is in the form that `helio apply` takes: a site, a tenant or a project."""
    platform = Platform(session.client)
    if project:
        found = session.client.projects.get(naming.project_id(session, project, tenant))
        above = session.client.tenants.get(found.tenant_id)
        content = exporting.only_project(platform, above, found)
    elif tenant:
        above = session.client.tenants.get(naming.tenant_id(session, tenant))
        content = {"tenants": [exporting.tenant(platform, above)]}
    else:
        content = exporting.site(platform)
    if session.output.json:
        session.output.value(content)
    else:
        session.output.line(exporting.as_yaml(content).rstrip("\n"))


def _read(files: Sequence[Path], set_name: str, *, prune: bool) -> Declaration:
    declaration = declare(read_files(files))
    named = set_name or declaration.set_name
    if set_name and declaration.set_name not in ("", set_name):
        raise click.UsageError(
            f"The files are of the set {declaration.set_name}, --set says {set_name}."
        )
    if prune and not named:
        raise click.UsageError("--prune needs the name of the set: --set NAME, or set: in a file.")
    return declaration.labelled(named)


def _difference(
    platform: Platform,
    declaration: Declaration,
    remake: Sequence[str],
    *,
    prune: bool,
    disks: bool,
) -> tuple[list[Action], list[Kept]]:
    found = [
        compare(thing, platform.find(address), remake)
        for address, thing in sorted(declaration.things.items())
    ]
    actions = [each for each in found if each is not None]
    kept: list[Kept] = []
    if prune:
        there = of_set(platform, declaration.set_name)
        deletions, kept = superfluous(there, declaration, prune_disks=disks)
        actions += deletions
    return ordered(actions), kept


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked; --yes goes on without.")
    click.confirm("Do it?", abort=True, err=True)


def _carry_out(
    session: Session,
    platform: Platform,
    declaration: Declaration,
    actions: Sequence[Action],
    timeout_s: float | None,
) -> list[Result]:
    tasks = session.client.tasks
    patience = Patience(timeout_s=timeout_s)
    with Progress(session.choices) as progress:

        def wait(task: Task) -> Task:
            return tasks.wait(task, watcher=progress.task, patience=patience)

        def tell(result: Result) -> None:
            if not session.output.quiet:
                session.output.note(showing.result_line(result))

        makers = Makers(platform, declaration)
        carrier = Carrier(platform, makers, tasks, wait, tell, progress.upload)
        try:
            return carrier.carry_out(actions)
        except KeyboardInterrupt as error:
            done = sum(each.is_done for each in carrier.results)
            raise Interrupted(
                f"Stopped after {done} of {len(actions)}; what was asked for goes on.",
                "Run the same command again: it goes on from what is there.",
            ) from error


def _exit_code(session: Session, actions: Sequence[Action], results: Sequence[Result]) -> int:
    failed = [each for each in results if not each.is_done]
    if failed:
        session.output.note(f"{len(failed)} of {len(results)} could not be done.")
        return TASK_FAILED
    return REFUSED if any(each.blocked for each in actions) else OK
