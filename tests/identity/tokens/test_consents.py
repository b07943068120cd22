"""People are asked before a program learns who they are, once, and can take it back."""

from __future__ import annotations

import pytest

from heliostat.cloudstore.contract import StoreUnavailable
from heliostat.identity.tokens.asks import asks_of
from heliostat.identity.tokens.described import described
from heliostat.identity.tokens.scopes import Scope
from heliostat.identity.tokens.sessions import Sessions
from heliostat.testing.browser import BACK, Browser, Page, answered, trade
from heliostat.testing.signin import PASSWORD, IdentityKit, code_of, refresh
from heliostat.wire.oidc_clients import OidcClientSettings as Settings

SCOPE = "openid offline_access id_groups"


@pytest.fixture
async def asked(kit: IdentityKit, browser: Browser) -> Browser:
    await kit.identity.directory.update_client("shop", Settings(consent=True))
    return browser


async def test_a_person_is_asked_once(kit: IdentityKit, asked: Browser) -> None:
    page = await asked.step(await asked.sign_in(scope=SCOPE))
    for words in ("The <Shop>", "know who you are", "see which groups", "stay signed in"):
        assert words in Page(page.text).text
    code = answered(await asked.take(page, allow="yes"))["code"]
    tokens = (await trade(asked, code)).json()
    assert answered(await asked.authorize(scope=SCOPE, prompt="none"))["code"]
    more = await asked.step(await asked.authorize(scope=f"{SCOPE} rs_esxcloud"))
    assert "use this platform as you" in Page(more.text).text
    assert "see which groups" not in Page(more.text).text
    none = answered(await asked.authorize(scope=f"{SCOPE} rs_esxcloud", prompt="none"))
    assert none["error"] == "consent_required"
    consents = kit.identity.realms.system.consents
    (given,) = await consents.list_consents("ada")
    assert (given.client, given.scopes) == ("shop", tuple(SCOPE.split()))
    assert (await consents.withdraw(given.id, plan=True)).id == given.id
    await consents.withdraw(given.id)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"
    assert await code_of(consents.withdraw(given.id)) == "ConsentNotFound"
    assert answered(await asked.authorize(scope=SCOPE, prompt="none"))["error"] == (
        "consent_required"
    )


async def test_who_says_no_is_not_signed_in_to_it(asked: Browser) -> None:
    page = await asked.step(await asked.sign_in(scope=SCOPE))
    told = answered(await asked.take(page, allow="no"))
    assert (told["error"], told["state"]) == ("access_denied", "s1")


async def test_a_client_may_want_the_question_again(kit: IdentityKit, asked: Browser) -> None:
    page = await asked.step(await asked.sign_in(scope=SCOPE))
    answered(await asked.take(page, allow="yes"))
    again = await asked.step(await asked.authorize(scope=SCOPE, prompt="consent"))
    assert "know who you are" in Page(again.text).text
    await kit.identity.directory.delete_client("shop")
    await kit.clock.advance(1)
    await kit.identity.directory.create_client("shop", [BACK], Settings(consent=True))
    new = await asked.step(await asked.authorize(scope=SCOPE))
    assert "know who you are" in Page(new.text).text


async def test_a_hint_says_who_is_meant(kit: IdentityKit, browser: Browser) -> None:
    code = answered(await browser.sign_in())["code"]
    hint = (await trade(browser, code)).json()["id_token"]
    await kit.clock.advance(3700)  # it has expired, and still says who
    for prompt in ("none", ""):
        assert answered(await browser.authorize(id_token_hint=hint, prompt=prompt))["code"]
    assert answered(await browser.authorize(id_token_hint="x"))["error"] == "invalid_request"
    await kit.identity.directory.create_user("bob", PASSWORD)
    answered(await browser.sign_in("bob", prompt="login"))
    none = answered(await browser.authorize(id_token_hint=hint, prompt="none"))
    assert none["error"] == "login_required"
    assert "Password" in (await browser.authorize(id_token_hint=hint)).text


def test_what_is_asked_in_words() -> None:
    scope = Scope(("openid", "at_groups", "rs_heliostat", "rs_esxcloud", "rs_build"))
    assert asks_of(scope) == (
        "know who you are",
        "use the rights that your groups have",
        "use this platform as you",
        "use the service build as you",
    )
    assert asks_of(scope, scope.values) == ()


def test_descriptions_are_of_the_characters_that_oauth_allows() -> None:
    assert described('a "b" \\ c… é\n') == "a 'b' / c... ??"
    assert len(described("x" * 1000)) == 500


async def agreed(browser: Browser) -> str:
    """The code of somebody who has just agreed."""
    page = await browser.step(await browser.sign_in(scope=SCOPE))
    return answered(await browser.take(page, allow="yes"))["code"]


async def test_nobody_agrees_for_whoever_has_the_name_next(
    kit: IdentityKit, asked: Browser
) -> None:
    await agreed(asked)
    directory = kit.identity.directory
    await directory.delete_user("ada")
    await kit.clock.advance(1)
    await directory.create_user("ada", PASSWORD)
    page = await asked.step(await asked.sign_in(scope=SCOPE))
    assert "know who you are" in Page(page.text).text


async def test_a_code_ends_with_the_consent_that_it_came_of(
    kit: IdentityKit, asked: Browser
) -> None:
    code = await agreed(asked)
    consents = kit.identity.realms.system.consents
    (given,) = await consents.list_consents()
    await consents.withdraw(given.id)
    assert (await trade(asked, code)).json()["error"] == "invalid_grant"


async def test_who_is_killed_while_a_consent_is_taken_back_can_ask_again(
    kit: IdentityKit, asked: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = (await trade(asked, await agreed(asked))).json()
    consents = kit.identity.realms.system.consents
    (given,) = await consents.list_consents()
    with monkeypatch.context() as patch:
        patch.setattr(Sessions, "end", killed)
        with pytest.raises(StoreUnavailable):
            await consents.withdraw(given.id)
    await consents.withdraw(given.id)
    assert await code_of(refresh(kit, tokens["refresh_token"], "shop")) == "InvalidGrant"


async def killed(*_arguments: object) -> None:
    raise StoreUnavailable("Killed here.")
