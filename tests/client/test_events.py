"""Following events: connected again after what was read, however the line ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import httpx
import msgspec
import pytest

from heliostat.client.client import Client
from heliostat.client.credentials import FixedToken
from heliostat.client.events import Wanted
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.wire.errors import ApiError
from heliostat.wire.events import Event, EventType

END = TemporaryError("StreamEnded", "A stream lasts 900 s.")


def _event(revision: int) -> bytes:
    event = Event(
        type=EventType.CHANGED, kind="vm", id=f"vm-{revision}", revision=revision, entity={}
    )
    return (
        f"id: {revision}.0\nevent: changed\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"
    )


def _end() -> bytes:
    return b"event: end\ndata: " + msgspec.json.encode(ApiError.of(END)) + b"\n\n"


class Line(httpx.SyncByteStream):
    """What one connection sends; ``cut`` breaks it afterwards."""

    def __init__(self, *blocks: bytes, cut: bool = False) -> None:
        self._blocks = blocks
        self._cut = cut

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            yield block[:7]  # blocks arrive in pieces
            yield block[7:]
        if self._cut:
            raise httpx.ReadError("cut")


class Lines:
    """Connections in turn, and what each was asked for."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.resumed: list[str] = []
        self.queries: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.resumed.append(request.headers.get("Last-Event-ID", ""))
        self.queries.append(dict(request.url.params))
        return self._answers.pop(0)


def _client(lines: Lines) -> Client:
    return Client("http://127.0.0.1:1", FixedToken("t"), http=httpx.MockTransport(lines))


def test_a_broken_line_is_mended_without_gap_or_repeat() -> None:
    lines = Lines(
        httpx.Response(200, stream=Line(b"id: 3\nevent: start\ndata: {}\n\n", _event(5), cut=True)),
        httpx.Response(200, stream=Line(b": still here\nid: 9.1\n\n")),
        httpx.Response(200, stream=Line(_event(11), _end())),
        httpx.Response(200, stream=Line(_event(12))),
    )
    told: list[HeliostatError] = []
    with _client(lines) as client:
        followed = client.events.follow(
            Wanted(("vm", "task"), project_id="p"),
            after=2,
            missed=told.append,
            sleep=lambda _seconds: None,
        )
        assert [event.revision for event in islice(followed, 3)] == [5, 11, 12]
    assert lines.resumed == ["2", "5.0", "9.1", "11.0"]
    assert lines.queries[0] == {"kind": "vm,task", "projectId": "p"}
    assert [error.code for error in told] == ["Unreachable"]


def test_a_past_that_is_gone_is_told() -> None:
    gone = {"code": "RevisionGone", "message": "Gone.", "data": {}}
    lines = Lines(httpx.Response(410, json=gone))
    with _client(lines) as client, pytest.raises(HeliostatError) as refused:
        next(client.events.follow(after=1, sleep=lambda _seconds: None))
    assert refused.value.code == "RevisionGone"


def test_a_refusal_is_not_repeated() -> None:
    denied = {"code": "MissingAuthToken", "message": "No.", "data": {}}
    lines = Lines(httpx.Response(401, json=denied))
    with _client(lines) as client, pytest.raises(HeliostatError) as refused:
        next(client.events.follow(sleep=lambda _seconds: None))
    assert refused.value.code == "MissingAuthToken"
    assert len(lines.resumed) == 1
