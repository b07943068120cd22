"""Addresses that browsers may be sent to: what can be registered, and what is the same."""

from __future__ import annotations

import pytest

from heliostat.identity.redirects import checked_redirect, is_registered, with_answer
from heliostat.testing.signin import code_of

BACK = "https://shop.example/signed-in"


def test_ports_of_the_loopback_address_are_free() -> None:
    registered = ("http://127.0.0.1/cb", "http://[::1]:7/cb", BACK)
    for good in ("http://127.0.0.1:4711/cb", "http://127.0.0.1/cb", "http://[::1]:9/cb", BACK):
        assert is_registered(good, registered), good
    for bad in ("http://127.0.0.1:4711/cb2", "http://127.0.0.2/cb", "http://localhost/cb"):
        assert not is_registered(bad, registered), bad


@pytest.mark.parametrize(
    "uri",
    [
        "", "shop", "http://shop.example/", "https:///x", "https://a/#x", "https://u@a/", "ftp://a/",
        "javascript:alert(1)", "data:text/html,x", "https://a/\n", "https://ä/", "https://a:x/",
        "https://a\\b/", "https://a;b/", "https://a,b/", "https://[::1]a/", "org.app://a;b", "http://localhost/cb",
    ],
)  # fmt: skip
async def test_addresses_that_are_not_registered(uri: str) -> None:
    async def register() -> None:
        checked_redirect(uri)

    assert await code_of(register()) == "InvalidEntity"
    assert not is_registered(uri, (BACK,))


def test_what_was_registered_stays_as_it_is() -> None:
    for uri in (BACK, "org.example.app:///back", "org.example.app:/back"):
        assert checked_redirect(uri) == uri
        assert with_answer(uri, {"code": "c d"}) == f"{uri}?code=c+d"
    for uri in ("https://a/?x", "https://a/?x=1%20;2"):
        assert with_answer(uri, {"code": "c"}) == f"{uri}&code=c"
