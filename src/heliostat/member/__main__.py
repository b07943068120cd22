"""``helio`` where nothing but membership is installed."""

from __future__ import annotations

import sys

import click

from heliostat.core.errors import HeliostatError
from heliostat.member.commands import cert
from heliostat.member.joining.commands import COMMANDS

FAILED = 1


@click.group("helio")
def helio() -> None:
    """This machine's certificates, and its place in a directory."""


@helio.group("identity")
def identity() -> None:
    """This machine as a member of a directory."""


helio.add_command(cert)
for _command in COMMANDS:
    identity.add_command(_command)


def main() -> None:
    """The program; every error is a sentence, its code and a hint."""
    try:
        helio(prog_name="helio")
    except HeliostatError as error:
        hint = f"\nHint:  {error.hint}" if error.hint else ""
        click.echo(f"Error: {error.message}\nCode:  {error.code}{hint}", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
