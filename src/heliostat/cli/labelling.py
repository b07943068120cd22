"""``helio NOUN label``: the same verb for every noun that has labels.

``KEY=VALUE`` sets a label and ``KEY-`` removes one, as people type it elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from heliostat.cli import naming, options
from heliostat.cli.affinities import parse_pairs
from heliostat.cli.carrying import carry_out
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session

_Find = Callable[[Session, str], str]
_FindInProject = Callable[[Session, str, str | None, str | None], str]


def parse_labels(given: Sequence[str]) -> dict[str, str]:
    """The labels of a thing that is created."""
    return parse_pairs(given, "--label")


def parse_change(given: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What to set and what to remove."""
    removed = [word[:-1] for word in given if word.endswith("-") and "=" not in word]
    rest = [word for word in given if "=" in word or not word.endswith("-")]
    return parse_pairs(rest, "LABELS"), removed


def label_verb(kind: str, find: _Find) -> click.Command:
    """The verb of a noun that is found by its name alone; ``kind`` as routes name it."""

    @click.command("label", cls=Verb, help=_help(kind))
    @click.argument("name", metavar=kind.upper())
    @click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
    @options.task
    @pass_session
    def label(session: Session, name: str, labels: tuple[str, ...]) -> None:
        _carry_out(session, kind, find(session, name), labels)

    return label


def label_verb_in_project(kind: str, find: _FindInProject) -> click.Command:
    """The verb of a noun whose names live in a project."""

    @click.command("label", cls=Verb, help=_help(kind))
    @click.argument("name", metavar=kind.upper())
    @click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
    @options.project
    @options.task
    @pass_session
    def label(
        session: Session,
        name: str,
        labels: tuple[str, ...],
        project: str | None,
        tenant: str | None,
    ) -> None:
        _carry_out(session, kind, find(session, name, project, tenant), labels)

    return label


def label_verb_of_project() -> click.Command:
    """The verb of projects, whose names live in a tenant."""

    @click.command("label", cls=Verb, help=_help("project"))
    @click.argument("name", metavar="PROJECT")
    @click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
    @options.tenant
    @options.task
    @pass_session
    def label(session: Session, name: str, labels: tuple[str, ...], tenant: str | None) -> None:
        _carry_out(session, "project", naming.project_id(session, name, tenant), labels)

    return label


def written(labels: Mapping[str, str]) -> str:
    """Labels in one cell of a table."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "-"


def _carry_out(session: Session, kind: str, entity_id: str, labels: Sequence[str]) -> None:
    set_, removed = parse_change(labels)
    carry_out(session, session.client.labels.change(kind, entity_id, set_, removed))


def _help(kind: str) -> str:
    return f"Set labels of {kind.upper()} (KEY=VALUE) and remove some (KEY-)."
