"""``helio os edition``: what a system can be composed of."""

from __future__ import annotations

import json

import click

from heliostat.os.commands.options import output_option


@click.group(name="edition", help="Editions: what a system is composed of.")
def edition_group() -> None:
    """Group of the commands below."""


@edition_group.command(name="list", help="List the editions.")
@output_option
def list_editions(output: str) -> None:
    from heliostat.os.tree.edition import edition_names, load_edition

    editions = [load_edition(name) for name in edition_names()]
    if output == "json":
        rows = [{"name": each.name, "summary": each.summary} for each in editions]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in editions:
        click.echo(f"{each.name:<12} {len(each.packages):>3} named packages   {each.summary}")


@edition_group.command(name="show", help="Show EDITION (a name or a file) with all it includes.")
@click.argument("edition")
@output_option
def show_edition(edition: str, output: str) -> None:
    import msgspec

    from heliostat.os.tree.edition import load_edition

    found = load_edition(edition)
    if output == "json":
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
        return
    click.echo(f"{found.name}: {found.summary}")
    for title, items in (
        ("packages", found.packages),
        ("offered", found.offers),
        ("enabled", found.units.enable),
        ("disabled", found.units.disable),
        ("masked", found.units.mask),
        ("left out", found.exclude),
    ):
        click.echo(f"{title} ({len(items)})")
        for item in items:
            click.echo(f"  {item}")
