"""``helio logs``: the end of a file, filtered, and what comes to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.logs import as_json, as_text, entry
from heliostat.server.log_reading import Wanted, show


def _entry(number: int, form: str) -> str:
    line = entry("INFO", "x", f"line {number}", {"task": f"t{number % 2}"}, 0.0)
    return (as_json if form == "json" else as_text)(line) + "\n"


class Stop(Exception):
    """Ends following."""


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_last_lines_of_a_task(tmp_path: Path, form: str) -> None:
    path = tmp_path / "controller.log"
    path.write_text("".join(_entry(number, form) for number in range(10)))
    shown: list[str] = []
    show(path, Wanted(task="t1"), tail=2, follow=False, write=shown.append)
    assert [text.split(": ")[1].split(" [")[0] for text in shown] == ["line 7", "line 9"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_following_shows_each_line_once_and_whole(tmp_path: Path, form: str) -> None:
    path = tmp_path / "controller.log"
    path.write_text(_entry(0, form))
    pieces = [_entry(1, form)[:9], _entry(1, form)[9:] + _entry(2, form), None, _entry(3, form)]
    shown: list[str] = []

    def sleep(_seconds: float) -> None:
        if not pieces:
            raise Stop
        piece = pieces.pop(0)
        if piece is None:
            path.write_text("")  # somebody cut the file
            return
        with path.open("a") as log:
            log.write(piece)

    with pytest.raises(Stop):
        show(path, Wanted(), tail=10, follow=True, write=shown.append, sleep=sleep)
    assert [text.split(": ")[1].split(" [")[0] for text in shown] == [
        f"line {number}" for number in range(4)
    ]


def test_there_is_no_log_yet(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError) as refused:
        show(tmp_path / "none.log", Wanted(), tail=1, follow=False, write=print)
    assert refused.value.code == "NotRunning"
