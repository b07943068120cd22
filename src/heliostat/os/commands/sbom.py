"""``helio os sbom``: the bill of materials of a system."""

from __future__ import annotations

import os
from pathlib import Path

import click

from heliostat.os.commands.inventory_subject import WHERE


@click.command(
    name="sbom",
    help="Write the bill of materials of SYSTEM (a root tree, an image file, or the name of a "
    "built image) as SPDX 2.3 or CycloneDX 1.6.",
)
@click.argument("system", type=WHERE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["spdx", "cyclonedx"]),
    default="spdx",
    show_default=True,
    help="Which of both.",
)
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
def sbom_command(system: Path, form: str, to: Path | None) -> None:
    from heliostat.core.files import atomic_write
    from heliostat.os.epoch import chosen_epoch
    from heliostat.os.inventory.document import document
    from heliostat.os.inventory.subject import opened

    epoch = chosen_epoch(os.environ)
    with opened(system, complete=True) as read:
        written = document(read, form, epoch)
    if to is None:
        click.echo(written.decode(), nl=False)
        return
    atomic_write(to, written)
    click.echo(str(to))
