"""How verdicts of gates are told: a line each with its evidence, JSON, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from heliostat.os.tree import Verdict

_SHOWN = 60


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    for each in verdicts:
        click.echo(f"{'passed' if each.passed else 'FAILED'}  {each.gate:<13} {each.reason}")
        for line in each.evidence[:_SHOWN]:
            click.echo(f"          {line}")
        if len(each.evidence) > _SHOWN:
            click.echo(f"          … {len(each.evidence) - _SHOWN} more (`-o json` has all)")


def told_verdicts(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {
            "gate": each.gate,
            "passed": each.passed,
            "reason": each.reason,
            "evidence": list(each.evidence),
        }
        for each in verdicts
    ]


def exit_by(verdicts: Sequence[Verdict]) -> None:
    """With 1 unless all have passed."""
    if not all(each.passed for each in verdicts):
        raise click.exceptions.Exit(1)
