"""Many VMs or disks by one command: numbered names, and deletion by labels."""

from __future__ import annotations

import sys
from typing import Any

import click

from heliostat.cli.carrying import carry_out, follow, show_plan
from heliostat.cli.session import Session
from heliostat.client.calls import Change
from heliostat.core.counting import counted
from heliostat.wire.tasks import Task

COUNT_HELP = "Make this many, up to 100; the name then holds {n} or {n:03}. All are made or none."
SELECTOR_HELP = "All with these labels instead of one by name; shows which and asks."


def count_option(function: Any) -> Any:
    return click.option("--count", type=click.IntRange(1, 100), help=COUNT_HELP)(function)


def check_pattern(name: str, count: int | None) -> None:
    """Numbers need a place in the name, and only they do."""
    if count is not None and "{n" not in name:
        raise click.UsageError("With --count the name says where the number goes, e.g. 'ci-{n}'.")
    if count is None and "{" in name:
        raise click.UsageError("A name with {n} goes with --count.")


def ids_of(task: Task) -> list[str]:
    """What a task for many is about."""
    return [each["id"] for each in task.resource_properties.get("items", ())]


def start_all(session: Session, created: Task) -> None:
    """Start what was created, all at once, and wait for each."""
    power = session.client.vms.power
    asked = [power(vm_id, "start").submit() for vm_id in ids_of(created)]
    for task in asked:
        follow(session, task)


def delete_selected(session: Session, change: Change[Task], noun: str, *, yes: bool) -> None:
    """Show what is selected, ask, and delete it."""
    plan = change.plan()
    if session.choices.plan:
        show_plan(session, plan)
        return
    names = [each.name for each in plan.items]
    if names and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to be asked; --yes goes on without.")
        session.output.note(f"{counted(len(names), noun)}: {', '.join(names)}")
        click.confirm("Delete them?", abort=True, err=True)
    carry_out(session, change)


def one_or_selected(name: str | None, selector: str) -> None:
    if (name is None) == (not selector):
        raise click.UsageError("Name one, or select several with -l.")
