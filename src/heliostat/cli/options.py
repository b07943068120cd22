"""Options that mean the same everywhere, declared once.

Global options may stand before the noun or after the verb; either way they end
in the session's choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from heliostat.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])


def _choose(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def store(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        del parameter
        if value is not None and value is not False:
            setattr(ctx.ensure_object(Session).choices, name, value)

    return store


def _option(name: str, *declarations: str, **settings: Any) -> click.Option:
    return click.Option(
        declarations, expose_value=False, callback=_choose(name), is_eager=True, **settings
    )


def global_options() -> list[click.Option]:
    """Options that every command takes."""
    return [
        _option(
            "output",
            "-o",
            "--output",
            type=click.Choice(["table", "json"]),
            help="How results are printed (default: table).",
        ),
        _option("quiet", "-q", "--quiet", is_flag=True, help="Print ids only, no progress."),
        _option("target", "--target", metavar="URL", help="The platform to talk to."),
        _option("profile", "--profile", metavar="NAME", help="The profile to use."),
    ]


class Verb(click.Command):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(global_options())


class Noun(click.Group):
    """``helio NOUN``: a group of verbs."""

    command_class = Verb

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings.setdefault("no_args_is_help", True)
        super().__init__(*args, **settings)
        self.params.extend(global_options())


Noun.group_class = Noun


def changes(function: F) -> F:
    """Options of a command that changes something."""
    for option in (
        click.option(
            "--plan",
            is_flag=True,
            expose_value=False,
            callback=_choose("plan"),
            help="Show what would be done, and change nothing.",
        ),
    ):
        function = option(function)
    return function


def every(choices: Sequence[Callable[[Any], Any]]) -> Callable[[F], F]:
    """All of ``choices`` on one command, in their order."""

    def decorate(function: F) -> F:
        for choice in reversed(choices):
            function = choice(function)
        return function

    return decorate


def domain(function: F) -> F:
    """``--domain``, for what is of one directory."""
    return click.option(
        "--domain",
        metavar="DOMAIN",
        expose_value=False,
        callback=_choose("domain"),
        help="The tenant of the directory (default: the site's own).",
    )(function)


def task(function: F) -> F:
    """Options of a command that starts a task."""
    function = click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        expose_value=False,
        callback=_choose("timeout_s"),
        help="Stop waiting after this time; the task goes on.",
    )(function)
    function = click.option(
        "--no-wait",
        is_flag=True,
        expose_value=False,
        callback=_choose("no_wait"),
        help="Return once the task is accepted.",
    )(function)
    return changes(function)


def tenant(function: F) -> F:
    """``--tenant``, for names that live in a tenant."""
    return click.option(
        "-t", "--tenant", "tenant", metavar="TENANT", help="Name or id (default: the one in use)."
    )(function)


def project(function: F) -> F:
    """``--project`` and ``--tenant``, for names that live in a project."""
    function = click.option(
        "-p",
        "--project",
        "project",
        metavar="PROJECT",
        help="Name or id (default: the one in use).",
    )(function)
    return tenant(function)


def labels(function: F) -> F:
    """``--label``, for what is created with labels."""
    return click.option(
        "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; may be repeated."
    )(function)


def selector(function: F) -> F:
    """``-l``, for lists."""
    return click.option(
        "-l",
        "--selector",
        "selector",
        default="",
        metavar="SELECTOR",
        help="Only those with these labels, e.g. 'app=web,tier!=db,env in (a,b),!old'.",
    )(function)


pass_session = click.make_pass_decorator(Session, ensure=True)
