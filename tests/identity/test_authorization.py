"""Signing in with a browser: pages, codes, cookies, and what is refused to whom."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cloudstore.contract import Change, Guard, StoreUnavailable
from heliostat.identity.steps import pages
from heliostat.identity.tokens.opened import unverified
from heliostat.testing.browser import (
    ASKED,
    BACK,
    BYE,
    ISSUER,
    Browser,
    Page,
    answered,
    trade,
)
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit, code_of, refresh


async def test_a_person_signs_in_once_for_many_requests(kit: IdentityKit, browser: Browser) -> None:
    page = await browser.authorize()
    assert page.status_code == 200
    shown = Page(page.text)
    assert "The <Shop>" in shown.text
    policy = page.headers["Content-Security-Policy"]
    nonce = re.findall(r"script-src 'nonce-([\w-]+)';", policy)
    assert re.findall(r"<script[^>]*>", page.text) == [
        f'<script src="/openidconnect/passkey.js" nonce="{nonce[0]}" defer>'
    ]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example;" in policy
    told = answered(await browser.sign_in())
    assert (told["state"], told["iss"]) == ("s1", ISSUER)
    tokens = (await trade(browser, told["code"])).json()
    _, claims = unverified(tokens["id_token"])
    assert (claims["sub"], claims["aud"], claims["nonce"]) == ("ada@heliostat.local", "shop", "n1")
    assert claims["auth_time"] == kit.clock.now_ms() // 1000
    assert (await kit.identity.verify(tokens["access_token"])).client == "shop"
    await refresh(kit, tokens["refresh_token"], "shop")
    again = answered(await browser.authorize(state="s2"))
    assert (again["state"], again["code"] != told["code"]) == ("s2", True)
    assert [(each.subject, each.error) for each in browser.told[:1]] == [
        ("ada@heliostat.local", None)
    ]


@pytest.mark.parametrize(("user", "password"), [("ada", "a mistaken one"), ("nobody", PASSWORD)])
async def test_a_wrong_password_is_told_on_the_page(
    browser: Browser, user: str, password: str
) -> None:
    answer = await browser.sign_in(user, password)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert "User name or password is wrong" in page.text
    assert password not in answer.text
    assert page.fields["state"] == "s1"
    assert [each.error.code for each in browser.told if each.error] == ["InvalidLoginCredentials"]


async def test_a_form_from_elsewhere_signs_nobody_in(browser: Browser) -> None:
    fields = {**ASKED, "username": "ada", "password": PASSWORD, "form_token": "guessed"}
    path = "/openidconnect/oidc/authorize"
    for cookies in ({}, {"oidc_form": "another"}):
        browser.cookies = dict(cookies)
        answer = await browser.post(path, fields)
        assert answer.status_code == 200
        assert "open for too long" in answer.text
    assert browser.told == []


async def test_forms_in_two_windows_both_count(browser: Browser) -> None:
    first, second = Page((await browser.authorize()).text), Page((await browser.authorize()).text)
    assert first.fields["form_token"] == second.fields["form_token"]
    browser.cookies["oidc_form"] = "x"  # nothing of ours
    assert Page((await browser.authorize()).text).fields["form_token"] != "x"
    browser.cookies["oidc_form"] = first.fields["form_token"]
    fields = {**first.fields, "username": "ada", "password": PASSWORD}
    assert answered(await browser.post("/openidconnect/oidc/authorize", fields))["code"]


async def test_clients_may_forbid_or_demand_the_question(
    kit: IdentityKit, browser: Browser
) -> None:
    assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
    answered(await browser.sign_in())
    assert answered(await browser.authorize(prompt="none"))["code"]
    assert (await browser.authorize(prompt="login")).status_code == 200
    await kit.clock.advance(10)
    assert answered(await browser.authorize(max_age="10"))["code"]
    assert (await browser.authorize(max_age="9")).status_code == 200
    await kit.identity.directory.set_password("ada", PASSWORD + "!")
    assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
    await browser.sign_in(password=PASSWORD + "!")
    await kit.clock.advance(8 * 3600 + 1)
    assert (await browser.authorize()).status_code == 200


async def test_programs_of_the_machine_get_no_code_unseen(browser: Browser) -> None:
    await browser.sign_in()
    here = {"client_id": "other", "redirect_uri": "http://127.0.0.1:4711/cb"}
    assert (await browser.authorize(**here)).status_code == 200
    unasked = await browser.authorize(**here, prompt="none")
    assert "error=login_required" in unasked.headers["Location"]
    typed = await browser.sign_in(**here)
    assert typed.headers["Location"].startswith("http://127.0.0.1:4711/cb?code=")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        BACK + "/",
        BACK + "?x=1",
        BACK + "#x",
        "http://shop.example/signed-in",
        "https://shop.example:443/signed-in",
        "https://shop.example@evil.example/signed-in",
        "https://SHOP.example/signed-in",
        "https://evil.example/signed-in",
        "javascript:alert(1)",
        "//shop.example/signed-in",
    ],
)
async def test_browsers_go_nowhere_that_is_not_registered(
    browser: Browser, redirect_uri: str
) -> None:
    answer = await browser.authorize(redirect_uri=redirect_uri)
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "may not send browsers" in Page(answer.text).text
    unknown = await browser.authorize(client_id="nobody")
    assert (unknown.status_code, "Location" in unknown.headers) == (401, False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"request_uri": "https://shop.example/r"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 30}, "invalid_request"),
        ({"scope": "openid root"}, "invalid_scope"),
    ],
)
async def test_what_else_is_wrong_goes_back_to_the_client(
    browser: Browser, changes: dict[str, str], error: str
) -> None:
    told = answered(await browser.authorize(**changes))
    assert (told["error"], told["state"], told["iss"]) == (error, "s1", ISSUER)
    assert told["error_description"].endswith(".")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"code_verifier": "b" * 43}, "code_verifier"),
        ({"code_verifier": ""}, "code_verifier"),
        ({"redirect_uri": BACK + "/"}, "redirect_uri"),
        ({"client_id": "other"}, "another client"),
        ({"code": "guessed"}, "none like it"),
    ],
)
async def test_a_code_is_good_only_for_who_asked(
    browser: Browser, changes: dict[str, str], word: str
) -> None:
    code = answered(await browser.sign_in())["code"]
    refused = await trade(browser, **{"code": code, **changes})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert word in refused.json()["error_description"]
    assert (await trade(browser, code)).status_code == 200


async def test_a_code_is_not_for_another_client_of_that_name(
    kit: IdentityKit, browser: Browser
) -> None:
    code = answered(await browser.sign_in())["code"]
    await kit.identity.directory.delete_client("shop")
    await kit.clock.advance(1)
    await kit.identity.directory.create_client("shop", [BACK])
    refused = await trade(browser, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert "another client" in refused.json()["error_description"]


async def test_a_code_ends_after_a_minute(kit: IdentityKit, browser: Browser) -> None:
    code = answered(await browser.sign_in())["code"]
    await kit.clock.advance(61)
    assert "expired" in (await trade(browser, code)).json()["error_description"]


async def test_a_code_that_comes_again_ends_what_came_of_it(
    kit: IdentityKit, browser: Browser
) -> None:
    code = answered(await browser.sign_in())["code"]
    tokens = (await trade(browser, code)).json()
    await kit.clock.advance(120)
    again = (await trade(browser, code)).json()
    assert (again["error"], "used before" in again["error_description"]) == ("invalid_grant", True)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"


async def test_a_code_is_spent_and_its_session_opened_in_one_commit(
    kit: IdentityKit, browser: Browser
) -> None:
    await refresh_ok(kit, (await trade(browser, answered(await browser.sign_in())["code"])).json())
    code = answered(await browser.authorize())["code"]
    through, commits = kit.store.commit, list[object]()

    async def one(guards: list[Guard], changes: list[Change]) -> int:
        if commits:
            raise StoreUnavailable("cut")
        commits.append(changes)
        return await through(guards, changes)

    kit.store.commit = one  # type: ignore[assignment,method-assign]
    tokens = (await trade(browser, code)).json()
    del kit.store.commit
    assert (await trade(browser, code)).status_code == 400
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"


async def test_a_code_ends_with_the_browsers_session(browser: Browser) -> None:
    code = answered(await browser.sign_in())["code"]
    asked = await browser.get("/openidconnect/logout")
    await browser.post("/openidconnect/logout", Page(asked.text).fields)
    refused = (await trade(browser, code)).json()
    assert (refused["error"], "signed out" in refused["error_description"]) == (
        "invalid_grant",
        True,
    )


async def test_programs_sessions_are_counted_from_the_password(
    kit: IdentityKit, browser: Browser
) -> None:
    await browser.sign_in()
    signed_in_s = kit.clock.now_ms() // 1000
    await kit.clock.advance(7 * 3600)
    tokens = (await trade(browser, answered(await browser.authorize())["code"])).json()
    assert unverified(tokens["refresh_token"])[1]["exp"] == signed_in_s + 8 * 3600


async def test_a_code_of_somebody_barred_meanwhile_is_worth_nothing(
    kit: IdentityKit, browser: Browser
) -> None:
    code = answered(await browser.sign_in())["code"]
    await kit.identity.directory.set_disabled("ada", True)
    assert (await trade(browser, code)).json()["error"] == "invalid_grant"


async def test_errors_come_as_the_client_asked(browser: Browser) -> None:
    for changes in ({"scope": "root"}, {"prompt": "none"}):
        answer = await browser.authorize(response_mode="form_post", **changes)
        assert answer.status_code == 200
        page = Page(answer.text)
        assert page.fields["error"] in ("invalid_scope", "login_required")
        assert "signed in" not in page.text


async def test_a_field_comes_once(browser: Browser) -> None:
    for path in ("oidc/authorize", "logout"):
        query = urlencode([*ASKED.items(), ("client_id", "other")])
        answer = await browser.http.get(f"/openidconnect/{path}", params=query)
        assert (answer.status_code, "Location" in answer.headers) == (400, False)
        assert "more than once" in answer.text


async def test_who_names_no_client_is_none(kit: IdentityKit, browser: Browser) -> None:
    await kit.identity.directory.create_client("none", [BACK], post_logout_redirect_uris=[BYE])
    assert (await browser.authorize(client_id="")).status_code == 401
    bye = await browser.get("/openidconnect/logout", post_logout_redirect_uri=BYE)
    assert bye.status_code == 401


async def test_clients_may_send_forms(kit: IdentityKit, browser: Browser) -> None:
    """Browsers send no cookies with another site's form, but with what it redirects to."""
    await browser.sign_in()
    cookies, browser.cookies = browser.cookies, {}
    asked = await browser.post("/openidconnect/oidc/authorize", {**ASKED, "password": "x"})
    assert (asked.status_code, "password" in asked.headers["Location"]) == (303, False)
    bye = {"post_logout_redirect_uri": BYE, "client_id": "shop"}
    left = await browser.post("/openidconnect/logout/heliostat.local", bye)
    browser.cookies = cookies
    assert answered(await browser.get(asked.headers["Location"]))["code"]
    assert "Sign out of" in (await browser.get(left.headers["Location"])).text


async def test_odd_cookies_are_nobodys(browser: Browser) -> None:
    headers = {b"Cookie": b"oidc_form=\xff; oidc_session_id-heliostat.local=\xff"}
    fields = {**ASKED, "username": "ada", "password": PASSWORD, "form_token": "x"}
    answer = await browser.http.post("/openidconnect/oidc/authorize", data=fields, headers=headers)
    assert answer.status_code == 200
    assert "open for too long" in answer.text


async def test_answers_may_come_as_a_form(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.authorize(response_mode="form_post")
    assert answer.status_code == 200
    fields = Page(answer.text).fields
    assert (fields["state"], fields["iss"], bool(fields["code"])) == ("s1", ISSUER, True)
    assert f'action="{BACK}"' in answer.text


async def test_signing_out_ends_browser_and_programs(kit: IdentityKit, browser: Browser) -> None:
    tokens = (await trade(browser, answered(await browser.sign_in())["code"])).json()
    path = "/openidconnect/logout/heliostat.local"
    query = {"post_logout_redirect_uri": BYE, "id_token_hint": tokens["id_token"], "state": "x"}
    asked = await browser.get(path, **query)
    assert "Sign out of heliostat.local?" in asked.text
    forged = await browser.post(path, {**query, "form_token": "guessed"})
    assert forged.status_code == 400
    await refresh_ok(kit, tokens)
    gone = await browser.post(path, Page(asked.text).fields)
    assert gone.status_code == 303
    assert gone.headers["Location"] == f"{BYE}?state=x"
    assert (await browser.authorize()).status_code == 200
    at_once = await browser.get(path, **query)
    assert at_once.headers["Location"] == f"{BYE}?state=x"
    two = await browser.get(path, **{**query, "client_id": "other"})
    assert (two.status_code, "Location" in two.headers) == (401, False)
    elsewhere = await browser.get(path, **{**query, "post_logout_redirect_uri": BYE + "x"})
    assert (elsewhere.status_code, "Location" in elsewhere.headers) == (400, False)


async def test_signing_out_ends_sessions_of_programs(
    kit: IdentityKit, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliostat.identity.tokens.browsers.BATCH", 1)
    codes = [answered(await browser.sign_in())["code"]]
    codes += [answered(await browser.authorize())["code"] for _ in range(2)]
    all_tokens = [(await trade(browser, code)).json() for code in codes]
    asked = await browser.get("/openidconnect/logout")
    assert (await browser.post("/openidconnect/logout", Page(asked.text).fields)).is_success
    for tokens in all_tokens:
        assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert await KINDS.tokens.browsers.all(kit.store) == []


async def test_signing_in_again_keeps_programs_within_reach(
    kit: IdentityKit, browser: Browser
) -> None:
    tokens = (await trade(browser, answered(await browser.sign_in())["code"])).json()
    stolen = dict(browser.cookies)
    answered(await browser.sign_in(prompt="login"))
    tokens = {"refresh_token": (await refresh(kit, tokens["refresh_token"], "shop")).refresh_token}
    kept, browser.cookies = browser.cookies, stolen
    assert (await browser.authorize()).status_code == 200  # the cookie of before is nobody's
    browser.cookies = kept
    asked = await browser.get("/openidconnect/logout")
    await browser.post("/openidconnect/logout", Page(asked.text).fields)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert await KINDS.tokens.browsers.all(kit.store) == []


async def test_signing_in_as_another_signs_out_the_one_before(
    kit: IdentityKit, browser: Browser
) -> None:
    await kit.identity.directory.create_user("bob", PASSWORD)
    tokens = (await trade(browser, answered(await browser.sign_in())["code"])).json()
    answered(await browser.sign_in("bob", prompt="select_account"))
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    (left,) = await KINDS.tokens.browsers.all(kit.store)
    assert left.value.user == "bob"


async def refresh_ok(kit: IdentityKit, tokens: dict[str, Any]) -> None:
    assert (await refresh(kit, tokens["refresh_token"], "shop")).access_token


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=40)


@given(st.dictionaries(st.sampled_from(["state", "nonce", "login_hint"]), text), text, text)
def test_pages_say_exactly_what_they_are_given(
    fields: dict[str, str], program: str, wrong: str
) -> None:
    plain = Page(pages.who("d", "p", {}, wrong="w"))
    shown = Page(pages.who("d", program or "p", fields, hint=program, wrong=wrong or "w"))
    assert shown.fields == fields
    hidden = len(fields)
    assert sorted(shown.tags) == sorted([*plain.tags, *["input"] * hidden])
    assert program in shown.text
