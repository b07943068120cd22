"""A membership, and what joining would change, as programs and people read them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from heliostat.member import printing
from heliostat.member.joining.changes import Change, FileChange
from heliostat.member.joining.membership import Membership


def told(member: Membership) -> dict[str, object]:
    """For programs; what the machine binds with stays in its own file."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(member)))
    if found["directory"]:
        del found["directory"]["secret"]
    return found


def show_changes(computer: str, domain: str, changes: Iterable[Change], output: str) -> None:
    """What would be changed; ``computer`` is empty where an interrupted join would go on."""
    lines = [(_what(each), each.why) for each in changes if _does_something(each)]
    if output == "json":
        rows = [{"change": change, "why": why} for change, why in lines]
        printing.print_json({"computer": computer or None, "changes": rows})
        return
    if computer:
        click.echo(f"This machine would become {computer} of {domain}.")
    printing.print_table(("change", "why"), lines, "Nothing else would be changed.")


def _does_something(change: Change) -> bool:
    """Not what only says how something is taken back."""
    return isinstance(change, FileChange) or bool(change.argv)


def _what(change: Change) -> str:
    if isinstance(change, FileChange):
        return f"write /{change.path}"
    return f"run {shlex.join(change.argv)}"
