"""Following a log whose end is all that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.client.logs import continuation, follow_log
from heliostat.core.errors import HeliostatError


def log_of(lines: int) -> str:
    return "".join(f"[{number:5}] line\n" for number in range(lines))


@given(st.lists(st.integers(0, 1900), min_size=1).map(sorted), st.integers(2000, 5000))
def test_pieces_make_the_log(sizes: list[int], window: int) -> None:
    """Cut anywhere, as long as fewer bytes came between two readings than one holds."""
    whole = log_of(1000)
    ends = [0]
    for size in sizes:
        ends.append(min(len(whole), ends[-1] + size))
    readings = [whole[max(0, end - window) : end] for end in ends]
    pieces = [continuation(before, now) for before, now in pairwise(readings)]
    assert "".join(pieces) == whole[: ends[-1]]


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ("", "", ""),
        ("", "a", "a"),
        ("login: ", "login: ", ""),
        ("login: ", "login: login: ", "login: "),
        ("old guest", "new", "new"),  # begun anew: nothing overlaps
        ("abcabd", "abdx", "x"),
    ],
)
def test_what_is_new(before: str, now: str, new: str) -> None:
    assert continuation(before, now) == new


def follow(readings: Iterator[str | HeliostatError], pieces: int) -> tuple[list[str], list[str]]:
    missed: list[str] = []

    def read() -> str:
        reading = next(readings)
        if isinstance(reading, HeliostatError):
            raise reading
        return reading

    log = follow_log(read, missed=lambda e: missed.append(e.code), sleep=lambda _s: None)
    return [*islice(log, pieces)], missed


def test_a_host_that_is_away_is_told_once() -> None:
    away = HeliostatError("AgentUnavailable", "Host h1 is away.")
    pieces, missed = follow(iter(["one ", away, away, "one two"]), 2)
    assert pieces == ["one ", "two"]
    assert missed == ["AgentUnavailable"]


def test_a_deleted_machine_ends_it() -> None:
    gone = HeliostatError("VmNotFound", "There is no VM v1.")
    with pytest.raises(HeliostatError, match="no VM"):
        follow(iter(["one ", gone]), 2)


def test_a_character_that_is_half_there_waits_for_its_other_half() -> None:
    pieces, _ = follow(iter(["caf\ufffd", "café"]), 2)
    assert pieces == ["caf", "é"]


def test_a_machine_that_prints_no_more_gives_no_more() -> None:
    whole = log_of(50)
    assert continuation(whole, whole) == ""
