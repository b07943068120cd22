"""``helio NOUN tasks``: what was asked of one entity, the same verb for several nouns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from heliostat.cli.listing import DEFAULT_LIMIT, show_tasks
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.wire.tasks import Task

Find = Callable[..., str]
Read = Callable[[Session, str, str], Iterator[Task]]
Options = Callable[[Any], Any]


def tasks_verb(kind: str, find: Find, read: Read, scope: Options = lambda verb: verb) -> Verb:
    """The verb ``tasks`` of a noun.

    ``find`` gives the id of a named entity, ``read`` its tasks in a state.
    """

    @click.command(
        "tasks", cls=Verb, help=f"List the tasks of a {kind}; of one that is gone, by id."
    )
    @click.argument("name", metavar=kind.upper())
    @click.option("--state", default="", help="Only tasks in this state.")
    @click.option("--limit", default=DEFAULT_LIMIT, type=click.IntRange(min=1), show_default=True)
    @scope
    @pass_session
    def tasks(session: Session, /, name: str, state: str, limit: int, **where: Any) -> None:
        found = find(session, name, **where)
        show_tasks(session, read(session, found, state), limit)

    return tasks
