"""``helio os repo curate``."""

from __future__ import annotations

import click


@click.command(name="curate")
def curate_command() -> None:
    raise click.ClickException("not yet")
