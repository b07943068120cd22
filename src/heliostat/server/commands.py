"""Commands that need a server's parts; ``helio`` loads them when they are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from heliostat.core.errors import HeliostatError
from heliostat.server.home import Home
from heliostat.server.settings import home_of

P = ParamSpec("P")


def _home() -> Home:
    return Home(home_of(os.environ))


def _told(command: Callable[P, None]) -> Callable[P, None]:
    """Show an error as sentence, code and hint, and exit 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except HeliostatError as error:
            click.echo(f"{error.message}\n  code: {error.code}\n  hint: {error.hint}", err=True)
            sys.exit(1)

    return guarded


@click.command()
@_told
def up() -> None:
    """Start the platform in HELIO_HOME: a controller, and an agent for this machine."""
    from heliostat.server.lifecycle import bring_up

    bring_up(_home())


@click.command()
@_told
def demo() -> None:
    """Do the main job once: an image, a tenant, a machine, and a login to it."""
    from heliostat.server.lifecycle import run_demo

    run_demo(_home())


@click.command()
@_told
def down() -> None:
    """Stop the platform in HELIO_HOME; its state stays."""
    from heliostat.server.lifecycle import bring_down

    bring_down(_home())


@click.command()
@_told
def controller() -> None:
    """Run the controller in the foreground."""
    from heliostat.server.controller import main

    main(_home())


@click.command()
@click.option("--join", metavar="TOKEN", help="Join a platform first, with a one-time token.")
@click.option(
    "--home",
    "folder",
    type=click.Path(path_type=Path),
    help="The agent's own folder (default: $HELIO_HOME/agent).",
)
@_told
def agent(join: str | None, folder: Path | None) -> None:
    """Run this host's agent in the foreground."""
    from heliostat.server.agent import main

    main(_home(), folder, join)


COMMANDS: dict[str, click.Command] = {
    "up": up,
    "down": down,
    "demo": demo,
    "controller": controller,
    "agent": agent,
}
