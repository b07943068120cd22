"""Signing in with another SAML identity provider: there and back, and what is not believed.

The other provider is another tenant of the same site; it was judged by others before.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest

from heliostat.core.errors import PermanentError
from heliostat.identity.kinds import kinds_of
from heliostat.identity.saml.bindings import RESPONSE
from heliostat.identity.tenant import TENANTS
from heliostat.testing.browser import Browser, Page, answered
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit
from heliostat.wire.service_providers import ServiceProviderCreateSpec, ServiceProviderUpdateSpec

DOMAIN = "heliostat.local"
OTHER = "corp.example"
ACS = f"/websso/SAML2/SP/ACS/{DOMAIN}"


@pytest.fixture
async def corp(kit: IdentityKit, browser: Browser) -> ServiceProviderCreateSpec:
    """Both have read each other's metadata; Eve is of the other one."""
    directories = kit.identity.directories
    await directories.tenants.create_tenant(OTHER)
    there = await directories.of(OTHER)
    await there.create_user(
        "eve", PASSWORD, given_name="Eve", family_name="E", email="eve@corp.example"
    )
    await there.create_group("eng")
    await there.add_member("eng", "eve")
    await directories.system.create_group("Builders")
    theirs = (await browser.get(f"/websso/SAML2/Metadata/{OTHER}")).text
    ours = (await browser.get(f"/websso/SAML2/Metadata/{DOMAIN}")).text
    spec = ServiceProviderCreateSpec(
        name="platform",
        metadata=ours,
        attributes=["uid", "mail", "givenName", "groups"],
        encrypt=True,
    )
    await (await directories.saml(OTHER)).providers.create(spec)

    providers = await directories.providers(DOMAIN)
    fields = {
        "metadata": theirs,
        "title": "The Corp",
        "claims": {"groups": "Groups"},
        "email_domains": ["corp.example"],
        "groups": [{"value": "*\\eng", "group": "Builders"}],
    }
    for wrong in ({}, {"metadata": "<x/>"}, {**fields, "issuer": "https://corp.example"}):
        with pytest.raises(PermanentError):
            await providers.create_provider("corp", "saml", wrong)
    made = await providers.create_provider("corp", "saml", fields)
    assert made.provider.saml is not None
    assert providers.comes_back_to("corp", "saml").endswith(f"/websso/SAML2/Metadata/{DOMAIN}")
    assert all(each.well for each in await providers.probe_provider("corp"))
    return spec


async def go(browser: Browser, answer: httpx.Response) -> httpx.Response:
    """Follow redirects within the site."""
    while answer.status_code == 303 and "shop.example" not in answer.headers["Location"]:
        place = urlsplit(answer.headers["Location"])
        answer = await browser.get(f"{place.path}?{place.query}")
    return answer


async def at_the_corp(browser: Browser) -> dict[str, str]:
    """Choose the provider and sign in there: its answer, as the browser would bring it."""
    page = await browser.authorize()
    assert "The Corp" in page.text
    link = page.text.partition('class="other" href="')[2].partition('"')[0].replace("&amp;", "&")
    there = await go(browser, await browser.get(link))
    if RESPONSE in Page(there.text).fields:
        return Page(there.text).fields  # somebody is signed in there
    assert OTHER in there.text
    place = f"/openidconnect/sign-in/{OTHER}"
    answer = await browser.post(
        place, {**Page(there.text).fields, "username": "eve", "password": PASSWORD}
    )
    return Page((await go(browser, answer)).text).fields


async def users(kit: IdentityKit) -> list[str]:
    """Who was not here before."""
    found = [each.value.name for each in await KINDS.directory.users.all(kit.store)]
    return [each for each in found if each not in ("administrator", "ada")]


async def test_people_of_another_provider_are_made_here_and_come_again(
    kit: IdentityKit, browser: Browser, corp: ServiceProviderCreateSpec
) -> None:
    fields = await at_the_corp(browser)
    arrived = await browser.post(ACS, fields)
    assert arrived.status_code == 303
    assert "code" in answered(await go(browser, arrived))
    assert await users(kit) == ["eve"]
    eve = await kit.identity.directory.get_user("eve")
    assert (eve.name, eve.given_name, eve.email) == ("eve", "Eve", "eve@corp.example")
    assert eve.groups == (f"{DOMAIN}\\Builders",)
    assert (browser.told[-1].grant, browser.told[-1].subject) == ("provider", f"eve@{DOMAIN}")
    browser.cookies.clear()
    again = await go(browser, await browser.post(ACS, await at_the_corp(browser)))
    assert "code" in answered(again)
    assert await users(kit) == ["eve"]


async def test_only_the_browser_that_was_sent_may_come_back_and_once(
    kit: IdentityKit, browser: Browser, corp: ServiceProviderCreateSpec
) -> None:
    fields = await at_the_corp(browser)
    cookies = dict(browser.cookies)
    arrived = (await browser.post(ACS, fields)).headers["Location"]
    browser.cookies = dict.fromkeys(cookies, "x")
    assert (await browser.get(arrived)).status_code == 400
    browser.cookies = cookies
    assert "used before" in (await browser.post(ACS, fields)).text
    assert "code" in answered(await browser.get(arrived))
    assert (await browser.get(arrived)).status_code == 400
    assert "asked of late" in (await browser.post(ACS, fields)).text


async def test_what_is_not_for_us_or_names_nobody_lasting_is_refused(
    kit: IdentityKit, browser: Browser, corp: ServiceProviderCreateSpec
) -> None:
    fields = await at_the_corp(browser)
    for bent, why in [
        ({**fields, "RelayState": "other"}, "asked of late"),
        ({**fields, RESPONSE: fields[RESPONSE][:-8]}, "refused"),
        ({RESPONSE: fields[RESPONSE]}, "asked of late"),
    ]:
        page = await browser.post(ACS, bent)
        assert page.status_code == 400
        assert why in page.text
    await kit.clock.advance(900)
    assert (await browser.post(ACS, fields)).status_code == 400
    there = (await kit.identity.directories.saml(OTHER)).providers
    await there.update("platform", ServiceProviderUpdateSpec(name_id_format="transient"))
    assert "lasting names" in (await browser.post(ACS, await at_the_corp(browser))).text
    browser.cookies.clear()
    await there.update(
        "platform", ServiceProviderUpdateSpec(name_id_format="persistent", attributes=[])
    )
    page = await go(browser, await browser.post(ACS, await at_the_corp(browser)))
    assert "need a proven address" in page.text
    assert await users(kit) == []


async def test_who_signs_out_there_is_signed_out_here(
    kit: IdentityKit, browser: Browser, corp: ServiceProviderCreateSpec
) -> None:
    assert "code" in answered(
        await go(browser, await browser.post(ACS, await at_the_corp(browser)))
    )
    assert "code" in answered(await browser.authorize(prompt="none"))
    out = f"/openidconnect/logout/{OTHER}"
    left = await browser.post(out, Page((await browser.get(out)).text).fields)
    asked = left.headers["Location"]
    assert asked.startswith(f"https://site.test:9000/websso/SAML2/SP/SLO/{DOMAIN}?")
    bent = await browser.get(urlsplit(asked).path + "?" + urlsplit(asked).query[:-9])
    assert bent.status_code == 400
    assert "are signed out" in (await go(browser, left)).text
    assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"
    assert len(await KINDS.tokens.browsers.all(kit.store)) == 0
    ends = [(each.subject, each.client) for each in browser.told if each.operation == "signOut"]
    assert (f"eve@{DOMAIN}", "corp") in ends


async def test_nothing_of_it_stays_when_it_is_over(
    kit: IdentityKit, browser: Browser, corp: ServiceProviderCreateSpec
) -> None:
    assert (await browser.post(ACS, await at_the_corp(browser))).status_code == 303
    (tenant,) = await TENANTS.all(kit.store)
    theirs = kinds_of(tenant.value.id).saml
    assert await theirs.participants.all(kit.store)
    assert await KINDS.saml.arrivals.all(kit.store)
    await kit.identity.tenants.delete_tenant(OTHER)
    for kind in (*theirs.lasting, *theirs.expiring):
        assert await kind.all(kit.store) == []
    await kit.clock.advance(3600)
    await kit.identity.maintain()
    for kind in KINDS.saml.expiring:
        assert await kind.all(kit.store) == []
    assert await KINDS.federation.asked.all(kit.store) == []
