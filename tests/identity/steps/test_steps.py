"""Signing in step by step: what is asked, what can't be skipped, and who may go on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.factors import totp
from heliostat.identity.factors.views import FactorView
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.tokens.endpoints import routes
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.browser import STEPS, Browser, Page, answered, trade
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit, code_of, refresh, sign_in
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

HERE = "heliostat.local"


async def enrolled(kit: IdentityKit, user: str = "ada") -> tuple[bytes, tuple[str, ...]]:
    """An app of ``user``, and the recovery codes that came with it; its clock is a step on."""
    factors = kit.identity.realms.system.factors
    secret, sealed = factors.new_secret(user)
    codes = await factors.add_codes(user, sealed, code_of_now(kit, secret), "Phone")
    await kit.clock.advance(totp.STEP_S)
    return secret, codes


def code_of_now(kit: IdentityKit, secret: bytes, steps: int = 0) -> str:
    return totp.code_at(secret, kit.clock.now_ms() // 1000 // totp.STEP_S + steps)


async def policy(kit: IdentityKit, **values: object) -> None:
    paths = {name.replace("__", "."): value for name, value in values.items()}
    await kit.identity.directories.policies.change_policy(HERE, paths)
    await kit.identity.realms.get(HERE)


async def test_a_code_follows_the_password(kit: IdentityKit, browser: Browser) -> None:
    secret, _ = await enrolled(kit)
    first = await browser.sign_in()
    page = await browser.step(first)
    assert "ada@heliostat.local" in Page(page.text).text
    assert "oidc_session_id" not in first.headers["set-cookie"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "form-action 'self' https://shop.example;" in page.headers["Content-Security-Policy"]
    under_way = browser.cookies[f"oidc_sign_in-{HERE}"]
    told = answered(await browser.take(page, code=f" {code_of_now(kit, secret)} "))
    tokens = (await trade(browser, told["code"])).json()
    signed_in_s = kit.clock.now_ms() // 1000
    await kit.clock.advance(60)
    again = await refresh(kit, tokens["refresh_token"], "shop")
    for token in (tokens["id_token"], tokens["access_token"], again.id_token, again.access_token):
        _, claims = unverified(token)
        assert (claims["acr"], claims["amr"]) == ("mfa", ["mfa", "otp", "pwd"])
        assert claims["auth_time"] == signed_in_s
    assert answered(await browser.authorize(prompt="none"))["code"]
    browser.cookies[f"oidc_sign_in-{HERE}"] = under_way
    assert "No sign-in is under way" in (await browser.get(STEPS)).text
    assert [(each.grant, each.subject, each.error) for each in browser.told] == [
        ("password", "ada@heliostat.local", None),
        ("authorization_code", "ada@heliostat.local", None),
    ]


async def test_wrong_codes_lock_as_wrong_passwords_do(kit: IdentityKit, browser: Browser) -> None:
    secret, _ = await enrolled(kit)
    page = await browser.step(await browser.sign_in())
    for wrong in ("", "12345", "١٢٣٤٥٦", "abcde-fghij", code_of_now(kit, secret, 3)):
        page = await browser.take(page, code=wrong)
        assert "wrong, or was used, or too many were tried" in page.text
    page = await browser.step(await browser.sign_in())  # a right password forgets no wrong codes
    locked = await browser.take(page, code=code_of_now(kit, secret))
    assert "too many were tried" in locked.text
    await kit.clock.advance(300)
    page = await browser.step(await browser.sign_in())
    assert answered(await browser.take(page, code=code_of_now(kit, secret, -1)))["code"]
    codes = [each.error.code for each in browser.told if each.error]
    assert codes == ["SecondFactorWrong"] * 6


async def test_guesses_at_once_are_no_more_than_guesses_in_a_row(
    kit: IdentityKit, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = await enrolled(kit)
    factors, compared = kit.identity.realms.system.factors, list[str]()
    through = totp.matching_step

    def matching_step(key: bytes, code: str, now_s: float, last_step: int) -> int | None:
        compared.append(code)
        return through(key, code, now_s, last_step)

    monkeypatch.setattr(totp, "matching_step", matching_step)
    guesses = [f"{number:06}" for number in range(100)]
    told = await asyncio.gather(
        *(factors.show_code("ada", each) for each in guesses), return_exceptions=True
    )
    assert {type(each) for each in told} <= {PermanentError, TemporaryError}
    assert len(compared) == 5
    with pytest.raises(PermanentError):
        await factors.show_code("ada", code_of_now(kit, secret))
    await kit.clock.advance(300)
    both = await asyncio.gather(
        *(factors.show_code("ada", code_of_now(kit, secret)) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(str(each)[:3] for each in both) == ["Sec", "otp"]  # a code counts once


async def test_a_code_counts_once(kit: IdentityKit, browser: Browser) -> None:
    secret, recovery = await enrolled(kit)
    for code in (code_of_now(kit, secret), recovery[0].upper()):
        page = await browser.step(await browser.sign_in(prompt="login"))
        answered(await browser.take(page, code=code))
        page = await browser.step(await browser.sign_in(prompt="login"))
        assert "was used" in (await browser.take(page, code=code)).text
    (view, *_) = [each for each in await system_views(kit) if each.kind == "recovery"]
    assert view.left == len(recovery) - 1
    stored = str([each.value for each in await KINDS.factors.all(kit.store)])
    assert not any(code in stored or code.replace("-", "") in stored for code in recovery)
    assert totp.as_text(secret) not in stored


async def system_views(kit: IdentityKit) -> list[FactorView]:
    return await kit.identity.realms.system.factors.views("ada")


async def test_steps_can_not_be_skipped(kit: IdentityKit, browser: Browser) -> None:
    secret, _ = await enrolled(kit)
    await policy(kit, banner__text="No <fun>.", banner__title="Rules")
    page = await browser.step(await browser.sign_in())
    for step in ("banner", "consent", "enrol", "on", "nothing"):
        skipped = await browser.take(page, step=step, agree="yes", allow="yes", later="yes")
        assert (skipped.status_code, skipped.headers["Location"]) == (303, STEPS)
    forged = await browser.take(page, form_token="guessed", code=code_of_now(kit, secret))
    assert forged.headers["Location"] == STEPS
    banner = await browser.step(await browser.take(page, code=code_of_now(kit, secret)))
    assert "No <fun>." in Page(banner.text).text
    assert "without agreeing" in (await browser.take(banner)).text
    assert answered(await browser.take(banner, agree="yes"))["code"]
    again = await browser.authorize()
    assert answered(again)["code"]  # agreed once for the browser's session


async def test_more_is_shown_to_the_session_that_it_was_asked_of(
    kit: IdentityKit, browser: Browser
) -> None:
    """A session that has ended comes back by no step that was open, whoever else signs in."""
    secret, _ = await enrolled(kit)
    await kit.identity.directory.create_user("bob", PASSWORD)
    page = await browser.step(await browser.sign_in())
    answered(await browser.take(page, code=code_of_now(kit, secret)))
    await kit.identity.directory.update_client("shop", Settings(consent=True))
    asked = await browser.step(await browser.authorize())
    kept = dict(browser.cookies)
    await kit.identity.realms.system.signed_in.end_sessions("ada")
    assert "No sign-in is under way" in (await browser.take(asked, allow="yes")).text
    browser.cookies.clear()
    page = await browser.step(await browser.sign_in("bob"))
    answered(await browser.take(page, allow="yes"))
    names = (f"oidc_sign_in-{HERE}", "oidc_form")
    browser.cookies |= {name: kept[name] for name in names}
    assert "No sign-in is under way" in (await browser.take(asked, allow="yes")).text


async def test_who_must_enrol_does_so_while_signing_in(kit: IdentityKit, browser: Browser) -> None:
    await policy(kit, second_factors__requirement="required", second_factors__enrol_by="2036-01-01")
    page = await browser.step(await browser.sign_in())
    assert answered(await browser.take(page, later="yes"))["code"]
    assert answered(await browser.authorize())["code"]  # it is put off once for the session
    await policy(kit, second_factors__enrol_by="")
    page = await browser.step(await browser.sign_in(prompt="login"))
    assert "<svg" in page.text
    again = await browser.take(page, later="yes", code="000000")
    assert again.headers["Location"] == STEPS
    page = await browser.step(again)
    wrong = await browser.take(page, code="000000")
    assert "not the code of now" in wrong.text
    assert wrong.text.count("<svg") == 1
    assert page.text.partition("<svg")[2].partition("</svg>")[0] in wrong.text  # the same secret
    offer = kit.identity.realms.system.factors.offered("ada", Page(page.text).fields["offer"])
    shown = await browser.take(wrong, code=code_of_now(kit, offer), name="Pho\nne")
    assert "Keep these codes" in shown.text
    told = answered(await browser.get(STEPS))
    _, claims = unverified((await trade(browser, told["code"])).json()["access_token"])
    assert claims["acr"] == "mfa"
    assert [(each.kind, each.name) for each in await system_views(kit)] == [
        ("totp", "Phone"),
        ("recovery", "Recovery codes"),
    ]


async def test_programs_may_ask_for_more(kit: IdentityKit, browser: Browser) -> None:
    answered(await browser.sign_in())
    assert answered(await browser.authorize(acr_values="mfa"))["error"] == (
        "unmet_authentication_requirements"
    )
    secret, _ = await enrolled(kit)
    assert answered(await browser.authorize(acr_values="mfa", prompt="none"))["error"] == (
        "interaction_required"
    )
    before = dict(browser.cookies)
    page = await browser.step(await browser.authorize(acr_values="gold mfa"))
    assert 'type="password"' not in page.text
    told = answered(await browser.take(page, code=code_of_now(kit, secret)))
    _, claims = unverified((await trade(browser, told["code"])).json()["id_token"])
    assert claims["acr"] == "mfa"
    name = f"oidc_session_id-{HERE}"
    assert browser.cookies[name] != before[name]
    browser.cookies[name] = before[name]
    assert 'type="password"' in (await browser.authorize()).text  # the cookie of less is nobody's


async def test_who_signs_out_meanwhile_is_not_asked_for_more(
    kit: IdentityKit, browser: Browser
) -> None:
    await browser.sign_in()
    secret, _ = await enrolled(kit)
    page = await browser.step(await browser.authorize(acr_values="mfa"))
    name = f"oidc_session_id-{HERE}"
    realm = kit.identity.realms.system
    session = await realm.browsers.find(browser.cookies[name])
    assert session is not None
    await realm.browsers.end(session)
    late = await browser.take(page, code=code_of_now(kit, secret))
    assert "No sign-in is under way" in late.text


async def test_a_browser_that_was_left_open_enrols_nothing(
    kit: IdentityKit, browser: Browser
) -> None:
    await browser.sign_in()
    await policy(kit, second_factors__requirement="required")
    await kit.clock.advance(901)
    page = await browser.step(await browser.authorize())
    assert "Sign in again to add a second factor" in page.text
    factors = kit.identity.realms.system.factors
    secret, sealed = factors.new_secret("ada")
    form = {"step": "enrol", "form_token": Page(page.text).fields["form_token"]}
    form |= {"offer": sealed, "code": code_of_now(kit, secret)}
    assert (await browser.post(STEPS, form)).headers["Location"] == STEPS
    assert await factors.views("ada") == []
    typed = {**Page(page.text).fields, "username": "ada", "password": PASSWORD}
    page = await browser.step(await browser.post(Page(page.text).action, typed))
    form["offer"] = Page(page.text).fields["offer"]
    form["code"] = code_of_now(kit, factors.offered("ada", form["offer"]))
    assert "Keep these codes" in (await browser.post(STEPS, form)).text


async def test_a_password_alone_gets_no_token(kit: IdentityKit, browser: Browser) -> None:
    secret, _ = await enrolled(kit)
    with pytest.raises(PermanentError) as refused:
        await sign_in(kit, username="ada", password=PASSWORD)
    assert refused.value.code == "SecondFactorRequired"
    with pytest.raises(PermanentError) as wrong:
        await sign_in(kit, username="ada", password=PASSWORD + code_of_now(kit, secret))
    assert wrong.value.code == "InvalidLoginCredentials"
    await sign_in(kit)  # others go on
    await policy(kit, second_factors__required_groups=["Administrators"])
    with pytest.raises(PermanentError, match="alone"):
        await sign_in(kit)
    await policy(kit, second_factors__enrol_by="2036-01-01")
    await sign_in(kit)


async def test_a_password_that_has_to_be_changed_is(kit: IdentityKit, browser: Browser) -> None:
    directory = kit.identity.directory
    await directory.set_password("ada", "the first of them", must_change=True)
    page = await browser.sign_in(password="the first of them")
    assert 'name="new_password"' in page.text
    path = "/openidconnect/oidc/authorize/heliostat.local"
    fields = {**Page(page.text).fields, "username": "ada", "password": "the first of them"}
    weak = await browser.post(path, {**fields, "new_password": "ada"})
    assert 'name="new_password"' in weak.text
    wrong = await browser.post(path, {**fields, "password": "x", "new_password": "another staple"})
    assert "User name or password is wrong" in wrong.text
    assert answered(await browser.post(path, {**fields, "new_password": "another staple"}))["code"]
    fields |= Page((await browser.authorize(prompt="login")).text).fields
    fields |= {"password": "another staple", "new_password": "unasked for"}
    assert answered(await browser.post(path, fields))["code"]
    await directory.authenticate("ada", "another staple")


async def test_a_stolen_password_does_not_choose_another_one(
    kit: IdentityKit, browser: Browser
) -> None:
    directory = kit.identity.directory
    secret, _ = await enrolled(kit)
    for attempt in (
        directory.change_password("ada", PASSWORD, "another staple"),
        directory.replace_password("ada", "another staple"),
    ):
        with pytest.raises(PermanentError, match="alone") as refused:
            await attempt
        assert "/openidconnect/account/heliostat.local" in (refused.value.hint or "")
    with pytest.raises(PermanentError) as guessed:  # who has not the old one learns nothing
        await directory.change_password("ada", "wrong", "another staple")
    assert guessed.value.code == "InvalidLoginCredentials"
    await directory.set_password("ada", "the first of them", must_change=True)
    page = Page((await browser.sign_in(password="the first of them")).text)
    path = "/openidconnect/oidc/authorize/heliostat.local"
    fields = {**page.fields, "username": "ada", "password": "the first of them"}
    asked = await browser.post(path, {**fields, "new_password": "another staple"})
    assert 'name="code"' in asked.text
    fields["code"] = "000000"
    wrong = await browser.post(path, {**fields, "new_password": "another staple"})
    assert "too many were tried" in wrong.text
    fields["code"] = code_of_now(kit, secret)
    weak = await browser.post(path, {**fields, "new_password": "ada"})
    assert 'name="code"' in weak.text
    done = await browser.post(path, {**fields, "new_password": "another staple"})
    told = await trade(browser, answered(done)["code"])
    assert unverified(told.json()["id_token"])[1]["amr"] == ["mfa", "otp", "pwd"]
    await policy(kit, second_factors__requirement="off")
    changed = await kit.identity.directories.own()
    await changed.change_password("ada", "another staple", "staples of another")


async def test_recovery_codes_outlive_the_key_that_they_were_kept_under(
    kit: IdentityKit, browser: Browser
) -> None:
    _, codes = await enrolled(kit)
    realm = kit.identity.realms.system
    page = await browser.step(await browser.sign_in())
    realm.sealing.renew()
    assert answered(await browser.take(page, code=codes[0]))["code"]
    assert [each.operation for each in browser.told] == ["useRecoveryCode", "signIn"]
    assert await code_of(realm.factors.show_code("ada", codes[0])) == "SecondFactorWrong"
    new = await realm.factors.recovery.renew("ada")
    realm.sealing.renew()
    assert await realm.factors.show_code("ada", new[9]) is Proof.RECOVERY


async def test_any_controller_goes_on(kit: IdentityKit, browser: Browser, tmp_path: Path) -> None:
    secret, _ = await enrolled(kit)
    page = await browser.step(await browser.sign_in())
    other = kit.restarted(tmp_path / "authority")
    app = web.Application()
    app.add_routes(routes(other))
    async with (
        TestServer(app) as server,
        httpx.AsyncClient(base_url=str(server.make_url("/")), trust_env=False) as client,
    ):
        browser.http = client
        assert answered(await browser.take(page, code=code_of_now(kit, secret)))["code"]
    other.close()


async def test_what_is_under_way_ends(kit: IdentityKit, browser: Browser) -> None:
    secret, _ = await enrolled(kit)
    page = await browser.step(await browser.sign_in())
    await kit.clock.advance(601)
    late = await browser.take(page, code=code_of_now(kit, secret))
    assert (late.status_code, "No sign-in is under way" in late.text) == (400, True)
    page = await browser.step(await browser.sign_in())
    await kit.identity.directory.set_password("ada", PASSWORD + "!")
    assert "No sign-in" in (await browser.take(page, code=code_of_now(kit, secret))).text
    await kit.clock.advance(3600)
    await kit.identity.maintain()
    assert await KINDS.under_way.all(kit.store) == []
    assert "goes on after" in (await browser.post(STEPS, {"continuation": "odd"})).text


def test_an_app_is_told_what_it_needs() -> None:
    """RFC 6238, appendix B (the last six of its eight digits), and the address that apps read."""
    secret = b"12345678901234567890"
    for at_s, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp.code_at(secret, at_s // 30) == code
        assert totp.matching_step(secret, code, at_s + 30, 0) == at_s // 30
        assert totp.matching_step(secret, code, at_s + 60, 0) is None
        assert totp.matching_step(secret, code, at_s, at_s // 30) is None
    address = urlsplit(totp.address(secret, "acme example", "a b@acme"))
    assert (address.netloc, address.path) == ("totp", "/acme%20example:a%20b@acme")
    assert parse_qs(address.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["acme example"],
    }
