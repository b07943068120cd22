"""Requests that clients send ahead of the browser."""

from __future__ import annotations

import httpx
import pytest

from heliostat.identity.clients.named import named_client
from heliostat.identity.tokens.pushed import PUSHED_AT_ONCE
from heliostat.testing.browser import ASKED, Browser, answered, trade
from heliostat.testing.signin import IdentityKit
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

PAR = "/openidconnect/par/heliostat.local"


async def push(browser: Browser, **changes: str) -> httpx.Response:
    return await browser.http.post(PAR, data={**ASKED, **changes})


async def name(browser: Browser, **changes: str) -> str:
    answer = await push(browser, **changes)
    assert (answer.status_code, answer.json()["expires_in"]) == (201, 90), answer.text
    uri: str = answer.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    return uri


def only(uri: str, **changes: str) -> dict[str, str]:
    """What the browser brings: the name, and nothing of the request."""
    return {**dict.fromkeys(ASKED, ""), "client_id": "shop", "request_uri": uri, **changes}


async def test_a_pushed_request_is_the_request(kit: IdentityKit, browser: Browser) -> None:
    uri = await name(browser, state="pushed")
    told = answered(await browser.sign_in(**only(uri)))
    assert told["state"] == "pushed"
    assert (await trade(browser, told["code"])).status_code == 200
    assert answered(await browser.authorize(**only(uri, state="changed")))["state"] == "pushed"
    await kit.clock.advance(91)
    over = await browser.authorize(**only(uri))
    assert (over.status_code, "is over" in over.text) == (400, True)


async def test_the_name_is_good_for_its_client_alone(browser: Browser) -> None:
    uri = await name(browser)
    for changes in ({"client_id": "other"}, {"request_uri": uri + "x"}):
        answer = await browser.authorize(**{**only(uri), **changes})
        assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": "x"}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"client_id": "nobody"}, "invalid_client"),
    ],
)
async def test_what_is_wrong_is_told_at_once(
    browser: Browser, changes: dict[str, str], error: str
) -> None:
    answer = await push(browser, **changes)
    assert (answer.status_code in (400, 401), answer.json()["error"]) == (True, error)


async def test_a_client_proves_itself_first(kit: IdentityKit, browser: Browser) -> None:
    proof = Settings(authentication="client_secret_basic")
    secret = (await kit.identity.directory.update_client("shop", proof)).secret
    assert (await push(browser)).json()["error"] == "invalid_client"
    right = await browser.http.post(PAR, data=ASKED, auth=("shop", secret))
    assert right.status_code == 201


async def test_a_flood_of_requests_without_proof_is_stopped(
    kit: IdentityKit, browser: Browser
) -> None:
    realm = kit.identity.realms.system
    directory = kit.identity.directory
    shop = await named_client(kit.store, directory.kinds.clients, "shop")
    for _ in range(PUSHED_AT_ONCE):
        await realm.pushed.push(shop, ASKED)
    answer = await push(browser)
    assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
    await directory.update_client("shop", Settings(authentication="client_secret_post"))
    proven = await named_client(kit.store, directory.kinds.clients, "shop")
    await realm.pushed.push(proven, ASKED)
