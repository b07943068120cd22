"""Addresses of controllers."""

from __future__ import annotations

import pytest

from heliostat.client.target import Target
from heliostat.core.errors import HeliostatError


@pytest.mark.parametrize(
    ("text", "url", "socket"),
    [
        ("https://cloud:9000", "https://cloud:9000", ""),
        ("https://cloud:9000/", "https://cloud:9000", ""),
        ("cloud:9000", "https://cloud:9000", ""),
        ("https://[::1]:9000", "https://[::1]:9000", ""),
        ("http://localhost:9", "http://localhost:9", ""),
        ("unix:/run/c.sock", "http://localhost", "/run/c.sock"),
        ("unix:///run/c.sock", "http://localhost", "/run/c.sock"),
    ],
)
def test_addresses_that_are_taken(text: str, url: str, socket: str) -> None:
    assert Target.parse(text) == Target(url, socket)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://cloud",
        "https://",
        "https://cloud:port",
        "https://cloud/v1",
        "https://me:secret@cloud",
        "http://cloud:9000",
        "unix:relative.sock",
    ],
)
def test_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        Target.parse(text)
    assert caught.value.code == "InvalidSetting"


def test_what_is_local() -> None:
    assert Target.parse("unix:/run/c.sock").is_local
    assert Target.parse("https://127.0.0.1:9000").is_local
    assert not Target.parse("https://cloud:9000").is_local


def test_text_of_a_target_can_be_parsed_again() -> None:
    for text in ("https://cloud:9000", "unix:/run/c.sock"):
        assert str(Target.parse(text)) == text


def test_websockets_go_to_the_same_place() -> None:
    assert Target.parse("https://cloud:9000").websocket_url == "wss://cloud:9000"
    assert Target.parse("unix:/run/c.sock").websocket_url == "ws://localhost"
