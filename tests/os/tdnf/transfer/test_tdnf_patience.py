"""How long a server is waited for: when it says to come later, is silent, or is too slow."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time

import pycurl
import pytest

from heliostat.os.tdnf.errors import CURL
from heliostat.os.tdnf.transfer.attempt import Attempt
from heliostat.os.tdnf.transfer.download import Download
from heliostat.os.tdnf.transfer.failure import failure, seconds_until
from heliostat.testing.downloads import BODY, Story, download, got, refused, wire
from heliostat.testing.mirror import Busy, Drip, Mirror, mirror

HTTP_ERROR = CURL + pycurl.E_HTTP_RETURNED_ERROR
TIMED_OUT = CURL + pycurl.E_OPERATION_TIMEDOUT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file").write_bytes(BODY)
    with mirror(folder) as running:
        yield running


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_told_to_come_later_does(server: Mirror, tmp_path: Path, status: int) -> None:
    server.faults["file"] = Busy(status, [2], later="1")
    story = Story()
    got(download(tmp_path, server.url), story)
    assert story.lines == ["trying again in 1 s"] * 2 + ["file is here"]


def test_later_than_the_time_out_is_never(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Busy(503, [9], later="120")
    error = refused(download(tmp_path, server.url))
    assert (error.number, len(server.asked)) == (HTTP_ERROR, 1)
    assert "wants to be asked again after 120 s" in error.sentence


def test_a_server_that_has_time_is_not_made_to_wait(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Busy(503, [1], later="20")
    with mirror(server.folder) as other:
        story = Story()
        got(download(tmp_path, server.url, other.url), story)
    assert story.lines == ["trying next base URL", "file is here"]


def test_waits_that_servers_ask_for_are_counted_together() -> None:
    by = wire(timeout="20", retries="9")
    attempt = Attempt(Download(by, ["http://one"], "file", "/nonexistent/file"))
    busy = failure("http://one/file", pycurl.E_HTTP_RETURNED_ERROR, "", 503, 8.0)
    pauses = []
    while attempt.another(busy):
        pauses.append(attempt.pause_s)
    assert pauses == [8, 8]


def test_when_to_come_again_may_be_seconds_or_a_date() -> None:
    assert seconds_until(b"17") == 17
    assert 50 < seconds_until(formatdate(time() + 60, usegmt=True).encode()) <= 60
    assert seconds_until(formatdate(time() - 60, usegmt=True).encode()) == 0
    for senseless in (b"", b"soon", b"-5", b"1.5", b"\xff", b"Mon, 99 Foo 2020 00:00:00 GMT"):
        assert seconds_until(senseless) == 0


def test_a_slow_server_is_left_if_so_much_is_asked_of_it(server: Mirror, tmp_path: Path) -> None:
    # half a megabyte a second, for two seconds
    server.faults["file"] = Drip(len(BODY) // 20)
    by = wire(timeout="1", minrate="5M", retries="0")
    assert refused(download(tmp_path, server.url, by=by)).number == TIMED_OUT
    with mirror(server.folder) as other:
        got(download(tmp_path / "two", server.url, other.url, by=by))


def test_a_slow_server_is_not_silent(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Drip(len(BODY) // 20)
    got(download(tmp_path, server.url, by=wire(timeout="1")))
    assert server.asked == ["/file"]


def test_no_more_is_taken_than_one_may(server: Mirror, tmp_path: Path) -> None:
    begun = monotonic()
    got(download(tmp_path, server.url, by=wire(throttle="600k")))
    # at the least; libcurl lets the first quarter of a megabyte through at once
    assert monotonic() - begun > 0.5
