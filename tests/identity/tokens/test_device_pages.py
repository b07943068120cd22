"""The pages where people type in the code of a machine: what they are told, and who is stopped."""

from __future__ import annotations

from heliostat.identity.clients.named import HELIO
from heliostat.identity.clients.records import Grant
from heliostat.testing.browser import Browser, Page
from heliostat.testing.signin import PASSWORD, SCOPE, IdentityKit

PATH = "/openidconnect/device"


async def begin(browser: Browser) -> dict[str, str]:
    form = {"client_id": HELIO, "scope": SCOPE}
    answer = await browser.http.post("/openidconnect/device_authorization", data=form)
    told: dict[str, str] = answer.json()
    return told


async def poll(browser: Browser, told: dict[str, str]) -> str:
    form = {
        "grant_type": Grant.DEVICE.value,
        "client_id": HELIO,
        "device_code": told["device_code"],
    }
    answer = (await browser.http.post("/openidconnect/token", data=form)).json()
    return str(answer.get("error", "signed in" if "access_token" in answer else ""))


async def typed(browser: Browser, code: str) -> Page:
    """The page after a code, signed in on the way where that is asked for."""
    page = Page((await browser.get(PATH)).text)
    answer = await browser.post(page.action, {**page.fields, "user_code": code})
    page = Page(answer.text)
    if "Password" in page.text:
        assert code not in page.text
        fields = {**page.fields, "username": "ada", "password": PASSWORD}
        page = Page((await browser.post(page.action, fields)).text)
    return page


async def test_a_person_allows_a_machine(kit: IdentityKit, browser: Browser) -> None:
    told = await begin(browser)
    prefilled = await browser.get(PATH, user_code=told["user_code"])
    assert f'value="{told["user_code"]}"' in prefilled.text
    assert "default-src 'none'" in prefilled.headers["Content-Security-Policy"]
    await kit.clock.advance(130)
    page = await typed(browser, told["user_code"].lower())
    assert "script" not in page.tags
    for words in (
        "Heliostat's command line",
        told["user_code"],
        "127.0.0.1",
        "2 min ago",
        "ada@heliostat.local",
        "use this platform as you",
        "Did somebody send you this code",
    ):
        assert words in page.text
    assert await poll(browser, told) == "authorization_pending"
    forged = await browser.post(PATH, {**page.fields, "allow": "yes", "form_token": "guessed"})
    assert "open for too long" in forged.text
    assert "is signed in" in (await browser.post(PATH, {**page.fields, "allow": "yes"})).text
    assert "No machine waits" in (await browser.post(PATH, {**page.fields, "allow": "yes"})).text
    await kit.clock.advance(5)
    assert await poll(browser, told) == "signed in"


async def test_a_person_refuses_a_machine(browser: Browser) -> None:
    told = await begin(browser)
    page = await typed(browser, told["user_code"])
    assert "Nothing was allowed" in (await browser.post(PATH, {**page.fields, "allow": "no"})).text
    assert await poll(browser, told) == "access_denied"


async def test_who_is_not_signed_in_learns_nothing(browser: Browser) -> None:
    told = await begin(browser)
    page = Page((await browser.get(PATH)).text)
    said = set()
    for code in (told["user_code"], "BBBB-BBBB"):
        answer = await browser.post(PATH, {**page.fields, "user_code": code, "allow": "yes"})
        said.add(Page(answer.text).text)
    assert len(said) == 1
    assert await poll(browser, told) == "authorization_pending"


async def test_guesses_are_counted(kit: IdentityKit, browser: Browser) -> None:
    for _ in range(10):
        assert "No machine waits" in (await typed(browser, "BBBB-BBBB")).text
    told = await begin(browser)
    assert "Too many wrong codes" in (await typed(browser, told["user_code"])).text
    await kit.clock.advance(601)
    told = await begin(browser)
    assert told["user_code"] in (await typed(browser, told["user_code"])).text
