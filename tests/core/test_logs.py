"""Log lines: what they belong to, and that nobody can forge one."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.logs import LineFormatter, as_text, bind, bound, entry, fields
from heliostat.server.log_reading import Wanted, entries, parse


def _line(form: str, message: str, *args: object) -> str:
    record = logging.LogRecord("heliostat.x", logging.INFO, "x.py", 1, message, args, None)
    return LineFormatter(form).format(record)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_tells_what_it_belongs_to(form: str) -> None:
    with bound(request="r-1"), bound(task="t-1"):
        line = _line(form, "placed on %s", "host-1")
    told = parse(line)
    assert told is not None
    assert told.belongs["task"] == "t-1"
    assert told.belongs["request"] == "r-1"
    assert "placed on host-1" in told.text
    assert fields() == {}
    if form == "json":
        assert json.loads(line)["message"] == "placed on host-1"


async def test_each_asyncio_task_has_its_own_fields() -> None:
    async def work(name: str) -> str:
        bind(task=name)
        await asyncio.sleep(0)
        return _line("text", "done")

    for name, line in zip("ab", await asyncio.gather(work("a"), work("b")), strict=True):
        assert line.endswith(f"[task={name}]")
    assert fields() == {}


@given(st.text(max_size=50))
def test_a_message_is_one_line_whatever_a_stranger_put_in_it(text: str) -> None:
    for form in ("text", "json"):
        line = _line(form, "%s", text)
        assert "\n" not in line
        assert "\r" not in line
        told = parse(line)
        assert told is not None
        assert "task" not in told.belongs or (form == "text" and "task" in text)


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "x.py", 1, "failed", (), (type(error), error, None)
        )
    text = LineFormatter("text").format(record)
    assert "ValueError: odd" in text
    assert json.loads(LineFormatter("json").format(record))["exception"] == "ValueError: odd"
    more = as_text(entry("INFO", "x", "later", {"task": "t"}, 0.0))
    first, second = entries([*text.split("\n"), more])
    assert first.level == "ERROR"
    assert "ValueError: odd" in first.text
    assert Wanted(task="t").takes(second)
    assert not Wanted(task="t").takes(first)
    assert not Wanted(level="ERROR").takes(second)
