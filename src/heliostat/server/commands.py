"""Commands that need a server's parts; ``helio`` loads them when they are installed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from heliostat.server.home import Home
from heliostat.server.settings import home_of


def _home() -> Home:
    return Home(home_of(os.environ))


@click.command()
def up() -> None:
    """Start the platform in HELIO_HOME: a controller, and an agent for this machine."""
    from heliostat.server.lifecycle import bring_up

    bring_up(_home())


@click.command()
def demo() -> None:
    """Do the main job once: an image, a tenant, a machine, and a login to it."""
    from heliostat.server.lifecycle import run_demo

    run_demo(_home())


@click.command()
def down() -> None:
    """Stop the platform in HELIO_HOME; its state stays."""
    from heliostat.server.lifecycle import bring_down

    bring_down(_home())


@click.command()
@click.argument("copy", type=click.Path(path_type=Path))
def restore(copy: Path) -> None:
    """Put a COPY of the store back, while the platform is stopped; what was there is kept."""
    from heliostat.cloudstore.sqlite_copy import restore as put_back

    done = put_back(copy, _home().store)
    click.echo(f"The store is as it was at revision {done.revision}. Start it with `helio up`.")


@click.command()
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
def agent(join: str | None, folder: Path | None) -> None:
    """Run this host's agent in the foreground."""
    from heliostat.server.agent import main

    main(_home(), folder, join)


@click.command()
@click.argument("role", type=click.Choice(["controller", "agent"]), default="controller")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come, until Ctrl-C.")
@click.option("--task", default="", metavar="ID", help="Only lines of this task.")
@click.option("--request", default="", metavar="ID", help="Only lines of this request.")
@click.option(
    "--level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    default="DEBUG",
    help="Only lines of this level or above.",
)
@click.option("--tail", type=click.IntRange(min=0), default=100, show_default=True)
def logs(role: str, follow: bool, task: str, request: str, level: str, tail: int) -> None:
    """Show the log of this machine's controller or agent: the last lines, or what is asked for."""
    from heliostat.server.log_reading import Wanted, show

    wanted = Wanted(task=task, request=request, level=level.upper())
    show(_home().log(role), wanted, tail=tail, follow=follow, write=click.echo)


@click.command("directory-node")
@click.argument(
    "bundle", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="The node's own folder (default: $HELIO_HOME/directory-node).",
)
def directory_node(bundle: Path | None, folder: Path | None) -> None:
    """Run a node of the directory in the foreground; BUNDLE is needed the first time only."""
    from heliostat.server.directory_node import main

    main(bundle, folder or _home().path / "directory-node")


COMMANDS: dict[str, click.Command] = {
    "up": up,
    "down": down,
    "demo": demo,
    "restore": restore,
    "logs": logs,
    "controller": controller,
    "agent": agent,
    "directory-node": directory_node,
}
