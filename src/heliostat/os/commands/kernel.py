"""``helio os kernel``: the kernel of our own, from the options in ``distro/kernel``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from heliostat.os.commands.build import keys_option, print_results, suite_option, workshop
from heliostat.os.commands.options import output_option


@click.group(name="kernel", help="The kernel of our own.", no_args_is_help=True)
def kernel_group() -> None:
    """Group of the commands below."""


@kernel_group.command(name="build", help="Build the package linux-virt (12 to 40 minutes, once).")
@click.option("--anew", is_flag=True, help="Build even if the result is there.")
@keys_option
@suite_option
@output_option
def build_kernel(anew: bool, keys: Path | None, suite: str | None, output: str) -> None:
    print_results([workshop(keys, suite).build_kernel(anew=anew)], output)


@kernel_group.command(name="check", help="Compare the options asked for with those granted.")
@keys_option
@suite_option
@output_option
def check_kernel(keys: Path | None, suite: str | None, output: str) -> None:
    from heliostat.os.packages.build.options import parse

    path = workshop(keys, suite).check_kernel()
    granted = parse(path.read_text())
    counts = {value: list(granted.values()).count(value) for value in ("y", "m")}
    if output == "json":
        click.echo(
            json.dumps({"config": str(path), "builtIn": counts["y"], "modules": counts["m"]})
        )
        return
    click.echo(f"{path}")
    click.echo(f"Everything is granted: {counts['y']} built in, {counts['m']} as modules.")
