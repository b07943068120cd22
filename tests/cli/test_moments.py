"""Ends in time as people type them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import click
import pytest

from heliostat.cli.moments import parse_span, parse_until

HERE = timezone(timedelta(hours=2))
NOW = datetime(2030, 1, 31, 17, 30, 15, tzinfo=HERE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h30m", 9000), ("1d", 86_400), ("0.5h", 1800)],
)
def test_spans(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-1h", "1w"])
def test_no_spans(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_span(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:00", "2030-01-31T18:00:00+02:00"),
        ("9:05", "2030-02-01T09:05:00+02:00"),
        ("17:30", "2030-02-01T17:30:00+02:00"),
        ("2030-03-01T12:00:00", "2030-03-01T12:00:00+02:00"),
        ("2030-03-01T12:00:00+00:00", "2030-03-01T12:00:00+00:00"),
    ],
)
def test_moments(text: str, moment: str) -> None:
    """The next time that the clock shows it; a zone that is not written is this one."""
    assert parse_until(text, NOW) == moment


@pytest.mark.parametrize("text", ["24:00", "noon", "18:60", ""])
def test_no_moments(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_until(text, NOW)
