"""What is printed for people can't steer their terminal."""

from __future__ import annotations

import pytest

from heliostat.cli.output import Output
from heliostat.cli.session import Choices
from heliostat.cli.text import harmless


@pytest.mark.parametrize("terminal", [True, False])
def test_what_strangers_sent_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    output = Output(Choices())
    output.table(["id"], [["a\x1b]0;owned\x07b"]])
    output.facts([("id", "c\x9b2Jd")])
    told = capsys.readouterr().out
    assert r"a\x1b]0;owned\x07b" in told
    assert r"c\x9b2Jd" in told


def test_words_and_lines_stay_as_they_are() -> None:
    assert harmless("Zürich\n\tline 2") == "Zürich\n\tline 2"
