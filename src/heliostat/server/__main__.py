"""``python -m heliostat.server ROLE``: a role as a process, as ``helio up`` starts it."""

from __future__ import annotations

import click

from heliostat.server.commands import COMMANDS

if __name__ == "__main__":
    click.Group("heliostat", commands=COMMANDS)()
