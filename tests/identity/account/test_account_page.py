"""The account page: what people see and change of their own, and only of their own."""

from __future__ import annotations

import httpx
import pytest

from heliostat.core.errors import PermanentError
from heliostat.identity.factors import totp
from heliostat.testing.authenticator import Authenticator
from heliostat.testing.browser import STEPS, Browser, Page, answered, trade
from heliostat.testing.signin import OTHER_PASSWORD, PASSWORD, IdentityKit, code_of, refresh

ACCOUNT = "/openidconnect/account/heliostat.local"


async def act(browser: Browser, page: httpx.Response, act: str, **typed: str) -> httpx.Response:
    """Send the first form of the page that does ``act``."""
    (form, *_) = [each for each in Page(page.text).forms if each.get("act") == act]
    return await browser.post(ACCOUNT, {**form, **typed})


async def signed_in(browser: Browser) -> httpx.Response:
    page = await browser.get(ACCOUNT)
    assert "to go on to your account" in Page(page.text).text
    fields = {**Page(page.text).fields, "username": "ada", "password": PASSWORD}
    answer = await browser.post(STEPS, fields)
    assert answer.headers["Location"] == ACCOUNT, answer.text
    return await browser.get(ACCOUNT)


def code(kit: IdentityKit, page: httpx.Response) -> str:
    sealed = Page(page.text).fields["offer"]
    secret = kit.identity.realms.system.factors.offered("ada", sealed)
    return totp.code_at(secret, kit.clock.now_ms() // 1000 // totp.STEP_S)


async def test_people_look_after_themselves(kit: IdentityKit, browser: Browser) -> None:
    page = await signed_in(browser)
    assert "ada@heliostat.local" in Page(page.text).text
    adding = await act(browser, page, "offer")
    assert "script-src 'nonce-" in adding.headers["Content-Security-Policy"]
    wrong = await browser.post(ACCOUNT, {**Page(adding.text).fields, "code": "000000"})
    assert "not the code of now" in wrong.text
    assert Page(wrong.text).fields["offer"] == Page(adding.text).fields["offer"]
    before = dict(browser.cookies)
    typed = {**Page(adding.text).fields, "code": code(kit, adding), "name": "My <phone>"}
    added = await browser.post(ACCOUNT, typed)
    assert "Keep these codes" in added.text
    page = await browser.get(ACCOUNT)
    assert "My <phone>" in Page(page.text).text
    assert "10 recovery codes" in Page(page.text).text
    name = "oidc_session_id-heliostat.local"
    kept, browser.cookies[name] = browser.cookies[name], before[name]
    assert 'type="password"' in (await browser.get(ACCOUNT)).text
    browser.cookies[name] = kept
    await kit.clock.advance(1)
    device = Authenticator()
    adding = await act(browser, page, "offer")
    asked = adding.text.partition('data-passkey="')[2].partition('"')[0]
    answer = device.create(asked.replace("&quot;", '"'))
    fields = {**Page(adding.text).fields, "passkey": answer, "name": "Key"}
    assert (await browser.post(ACCOUNT, fields)).headers["Location"] == ACCOUNT
    page = await browser.get(ACCOUNT)
    renewed = await act(browser, page, "renew")
    assert "Keep these codes" in renewed.text
    removed = await act(browser, page, "remove")
    assert removed.headers["Location"] == ACCOUNT
    kinds = [e.kind for e in await kit.identity.realms.system.factors.views("ada")]
    assert kinds == ["passkey", "recovery"]
    told = [(each.operation, each.error is None) for each in browser.told]
    assert told == [
        ("signIn", True), ("addSecondFactor", False), ("addSecondFactor", True),
        ("addSecondFactor", True), ("renewRecoveryCodes", True), ("removeSecondFactor", True),
    ]  # fmt: skip
    assert browser.told[-1].entity
    assert {each.subject for each in browser.told} == {"ada@heliostat.local"}


async def test_the_password_is_changed_and_others_are_signed_out(
    kit: IdentityKit, browser: Browser
) -> None:
    tokens = (await trade(browser, answered(await browser.sign_in())["code"])).json()
    page = await browser.get(ACCOUNT)
    shown = Page(page.text).text
    assert "This browser" in shown
    assert "shop" in shown
    wrong = await act(browser, page, "password", old="mistyped", new=OTHER_PASSWORD)
    assert "User name or password is wrong" in wrong.text
    weak = await act(browser, page, "password", old=PASSWORD, new="ada")
    assert Page(weak.text).text.count("Your account")
    await refresh(kit, tokens["refresh_token"], "shop")
    done = await act(browser, page, "password", old=PASSWORD, new=OTHER_PASSWORD)
    assert done.headers["Location"] == ACCOUNT
    assert [each.operation for each in browser.told[-3:]] == ["changeOwnPassword"] * 3
    assert [each.error and each.error.code for each in browser.told[-3:]] == [
        "InvalidLoginCredentials", "WeakPassword", None,
    ]  # fmt: skip
    assert "This browser" in (await browser.get(ACCOUNT)).text
    tokens = (await trade(browser, answered(await browser.authorize())["code"])).json()
    await kit.identity.directory.authenticate("ada", OTHER_PASSWORD)


async def test_sessions_and_programs_are_only_ones_own(kit: IdentityKit, browser: Browser) -> None:
    realm = kit.identity.realms.system
    await realm.directory.create_user("bob", PASSWORD)
    bob = await realm.people.person("bob")
    assert bob is not None
    other, _ = await realm.browsers.open(bob, "", ("pwd",))
    tokens = (await trade(browser, answered(await browser.sign_in())["code"])).json()
    page = await browser.get(ACCOUNT)
    assert (
        "There is no such session of yours"
        in (await act(browser, page, "end-session", id=other.id)).text
    )
    withdrawn = {**Page(page.text).forms[0], "act": "withdraw", "id": "0" * 64}
    assert "not let that program in" in (await browser.post(ACCOUNT, withdrawn)).text
    forms = [each for each in Page(page.text).forms if each.get("act") == "end-session"]
    assert len(forms) == 2
    for form in forms:
        await browser.post(ACCOUNT, form)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert await realm.browsers.find("") is None
    assert [each.subject for each in await realm.signed_in.list_sessions()] == [
        "bob@heliostat.local"
    ]


async def test_old_sign_ins_and_forms_from_elsewhere_change_nothing(
    kit: IdentityKit, browser: Browser
) -> None:
    page = await signed_in(browser)
    forged = await act(
        browser, page, "password", old=PASSWORD, new=OTHER_PASSWORD, form_token="guessed"
    )
    assert "Your account" in forged.text
    await kit.clock.advance(901)
    assert "Your account" in (await browser.get(ACCOUNT)).text
    stale = await act(browser, page, "password", old=PASSWORD, new=OTHER_PASSWORD)
    assert "Sign in again to change that" in stale.text
    with pytest.raises(PermanentError):
        await kit.identity.directory.authenticate("ada", OTHER_PASSWORD)
    fields = {**Page(stale.text).fields, "password": PASSWORD}
    back = await browser.post(STEPS, {**fields, "username": "ada"})
    assert back.headers["Location"] == ACCOUNT
    page = await browser.get(ACCOUNT)
    done = await act(browser, page, "password", old=PASSWORD, new=OTHER_PASSWORD)
    assert done.headers["Location"] == ACCOUNT


async def test_who_has_a_second_factor_shows_it(kit: IdentityKit, browser: Browser) -> None:
    await browser.sign_in()
    realm = kit.identity.realms.system
    secret, sealed = realm.factors.new_secret("ada")
    now = kit.clock.now_ms() // 1000 // totp.STEP_S
    await realm.factors.add_codes("ada", sealed, totp.code_at(secret, now), "")
    asked = await browser.get(ACCOUNT)
    assert asked.headers["Location"] == STEPS
    page = await browser.get(STEPS)
    done = await browser.take(page, code=totp.code_at(secret, now + 1))
    assert done.headers["Location"] == ACCOUNT
    assert "Your account" in (await browser.get(ACCOUNT)).text
