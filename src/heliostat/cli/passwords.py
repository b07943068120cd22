"""Asking for a new password: twice at a terminal, or once from standard input."""

from __future__ import annotations

import sys

import click


def new_password(*, from_stdin: bool) -> str:
    """Never from the command line, where every user of the machine could read it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password: --password-stdin.")
    answer: str = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
