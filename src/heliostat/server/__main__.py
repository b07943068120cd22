"""``python -m heliostat.server ROLE``: a role as a process, as ``helio up`` starts it."""

from __future__ import annotations

import sys

import click

from heliostat.core.errors import HeliostatError
from heliostat.server.commands import COMMANDS

if __name__ == "__main__":
    try:
        click.Group("heliostat", commands=COMMANDS)()
    except HeliostatError as error:
        sys.exit(f"{error.message} ({error.code}) {error.hint}")
