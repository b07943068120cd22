"""Every ``helio`` command in the tutorial and the how-tos is one that can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from heliostat.cli.main import root
from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = sorted([*(DOCS / "tutorial").glob("*.md"), *(DOCS / "howto").glob("*.md")])


def commands(page: Path) -> list[str]:
    """Lines of code blocks and inline code that begin with ``helio``."""
    text = page.read_text()
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines += re.findall(r"`(helio [^`]+)`", prose)
    return [line for line in lines if line.startswith("helio ")]


def typed(line: str) -> list[str]:
    """The words that the command itself gets: no comment, no redirection, no pipe."""
    words = shlex.split(line, comments=True)
    ends = [index for index, word in enumerate(words) if word in (">", "|", "&&")]
    return words[: ends[0]] if ends else words


CASES = [(page.name, line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), CASES)
def test_it_can_be_typed(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are understood; the reader's own files, images and keys need not be here."""
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, *_: Path(value))
    words = typed(line)[1:]
    context = click.Context(root, info_name="helio", obj=Session())
    command: click.Command | None = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"{page}: {line}: no command {name}"
    assert command is not None
    try:
        command.make_context(command.name or "", words, parent=context)
    except click.UsageError as error:
        pytest.fail(f"{page}: {line}: {error.format_message()}")
    except HeliostatError as error:
        if error.code != "ImageNotFound":
            pytest.fail(f"{page}: {line}: {error}")


def test_there_are_guides() -> None:
    assert len(CASES) > 40
