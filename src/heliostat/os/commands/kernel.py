"""``helio os kernel``: the kernel of our own, from the options in ``distro/kernel``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.build import (
    deliver,
    print_results,
    repo_option,
    suite_option,
    workshop,
)
from heliostat.os.commands.options import output_option
from heliostat.os.commands.repo_print import places

if TYPE_CHECKING:
    from heliostat.os.commands.repo_print import Places


@click.group(name="kernel", help="The kernel of our own.", no_args_is_help=True)
def kernel_group() -> None:
    """Group of the commands below."""


@kernel_group.command(name="build", help="Build the package linux-virt (12 to 40 minutes, once).")
@click.option("--anew", is_flag=True, help="Build even if the result is there.")
@repo_option
@suite_option
@places
@output_option
def build_kernel(
    anew: bool, repository: str | None, suite: str | None, at: Places, output: str
) -> None:
    results = [workshop(at.keys, suite).build_kernel(anew=anew)]
    deliver(results, repository, at)
    print_results(results, output)


@kernel_group.command(name="check", help="Compare the options asked for with those granted.")
@suite_option
@places
@output_option
def check_kernel(suite: str | None, at: Places, output: str) -> None:
    from heliostat.os.packages.build.options import parse

    path = workshop(at.keys, suite).check_kernel()
    granted = parse(path.read_text())
    counts = {value: list(granted.values()).count(value) for value in ("y", "m")}
    if output == "json":
        click.echo(
            json.dumps({"config": str(path), "builtIn": counts["y"], "modules": counts["m"]})
        )
        return
    click.echo(f"{path}")
    click.echo(f"Everything is granted: {counts['y']} built in, {counts['m']} as modules.")
