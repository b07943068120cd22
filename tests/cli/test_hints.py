"""Every ``helio`` command that a hint, a message or a docstring names exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from heliostat.cli.main import root

SOURCES = Path(__file__).parents[2] / "src" / "heliostat"
NAMED = re.compile(r"`helio ([a-z][a-z-]*(?: [a-z][a-z-]*)?)")
CASES = sorted(
    {
        (str(path.relative_to(SOURCES)), words)
        for path in SOURCES.rglob("*.py")
        for words in NAMED.findall(path.read_text())
    }
)


@pytest.mark.parametrize(("source", "words"), CASES)
def test_it_exists(source: str, words: str) -> None:
    context = click.Context(root, info_name="helio")
    command: click.Command | None = root
    for word in words.split():
        if not isinstance(command, click.Group):
            return
        command = command.get_command(context, word)
        assert command is not None, f"{source} names `helio {words}`, which is no command"


def test_hints_name_commands() -> None:
    assert len(CASES) > 40
