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
    """For programs; what the machine proves itself by stays in its own file."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(member)))
    if found["directory"]:
        del found["directory"]["secret"]
    del found["keytab"], found["written"]
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


def progress(sentence: str) -> None:
    """What is being done, for who waits."""
    click.echo(f"  {sentence}", err=True)


def facts(member: Membership) -> list[tuple[str, str]]:
    """A membership, a name and a value a line."""
    admission = member.admission
    rows = [
        ("computer", member.computer),
        ("domain", member.domain),
        ("controller", member.url),
        ("state", _state(member)),
        ("directory", _directory(member)),
        ("log-in", ", ".join(admission.groups) or "everybody of the domain"),
        ("administrators", ", ".join(admission.administrators) or "none"),
        ("SSH", "with keys and passwords" if admission.ssh_passwords else "as sshd is set"),
    ]
    if member.kerberos is not None:
        rows.append(("kerberos", f"{member.kerberos.realm}: {', '.join(member.kerberos.servers)}"))
        rows.append(("tickets", _tickets(member)))
    return rows


def _directory(member: Membership) -> str:
    if not member.issuer:
        return "Active Directory"
    directory = member.directory
    return ", ".join(directory.servers) if directory is not None else "none by LDAP"


def _state(member: Membership) -> str:
    if member.leaving:
        return "leaving: run `helio identity leave` again"
    return "joined" if member.joined else "on its way: run `helio identity join` again"


def _tickets(member: Membership) -> str:
    if member.elsewhere:
        return "not used: the machine has keys of another realm"
    return "taken by sshd" if member.keytab else "not taken by sshd: the machine has no key"
