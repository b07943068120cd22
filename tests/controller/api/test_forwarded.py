"""Which address stands in links: a proxy's word counts only where it is trusted."""

from __future__ import annotations

import pytest

from heliostat.controller.api.forwarded import base_url, client_address, networks

TRUSTED = networks(["10.0.0.0/8", "::1"])
TOLD = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example"}


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("10.1.2.3", TOLD, "https://cloud.example"),
        ("::1", TOLD, "https://cloud.example"),
        ("192.0.2.1", TOLD, "http://inner:9000"),
        (None, TOLD, "http://inner:9000"),
        ("", TOLD, "http://inner:9000"),
        ("10.1.2.3", {}, "http://inner:9000"),
        ("10.1.2.3", {"X-Forwarded-Host": "a.example:8443, b"}, "http://a.example:8443"),
        ("10.1.2.3", {"X-Forwarded-Host": "[2001:db8::1]:1"}, "http://[2001:db8::1]:1"),
        ("10.1.2.3", {"X-Forwarded-Host": "a/../b"}, "http://inner:9000"),
        ("10.1.2.3", {"X-Forwarded-Host": 'a"<b>'}, "http://inner:9000"),
        ("10.1.2.3", {"X-Forwarded-Proto": "javascript"}, "http://inner:9000"),
        ("10.1.2.3", {"X-Forwarded-Proto": "HTTPS,http"}, "https://inner:9000"),
    ],
)
def test_base(peer: str | None, headers: dict[str, str], expected: str) -> None:
    assert base_url("http", "inner:9000", peer, headers, TRUSTED) == expected


def test_nobody_is_trusted_by_default() -> None:
    assert base_url("http", "inner", "127.0.0.1", TOLD, ()) == "http://inner"


@pytest.mark.parametrize(
    ("peer", "told", "expected"),
    [
        ("10.1.2.3", ["192.0.2.7"], "192.0.2.7"),
        ("10.1.2.3", ["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        ("10.1.2.3", ["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        ("10.1.2.3", ["192.0.2.7, 10.9.9.9"], "192.0.2.7"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.1.2.3", ["10.4.4.4"], "10.4.4.4"),
        ("10.1.2.3", ["192.0.2.7, unknown"], "10.1.2.3"),
        ("10.1.2.3", [""], "10.1.2.3"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("192.0.2.1", ["192.0.2.7"], "192.0.2.1"),
        (None, ["192.0.2.7"], None),
    ],
)
def test_who_asked(peer: str | None, told: list[str], expected: str | None) -> None:
    """What a client sends itself comes before what the proxy adds, and is not believed."""
    assert client_address(peer, told, TRUSTED) == expected
    assert client_address(peer, told, ()) == peer
