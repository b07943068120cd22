"""The security token service: an assertion for a password, shut until the policy opens it."""

from __future__ import annotations

import httpx
import pytest

from heliostat.identity.saml import signatures
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.markup import Node, instant, make, name, parse, written
from heliostat.testing.browser import Browser
from heliostat.testing.saml import TestProvider
from heliostat.testing.signin import PASSWORD, IdentityKit
from heliostat.wire.service_providers import ServiceProviderUpdateSpec

DOMAIN = "heliostat.local"
PATH = f"/sts/STSService/{DOMAIN}"
XML = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


def envelope(
    kit: IdentityKit,
    *,
    verb: str = "Issue",
    username: str = "ada",
    password: str = PASSWORD,
    applies_to: str = "https://sp.test/saml",
    target: Node | None = None,
    late_s: int = 0,
    **asked: str,
) -> bytes:
    """A request as programs of before send it."""
    at_ms = kit.clock.now_ms() - late_s * 1000
    token = make(
        "wsse:UsernameToken",
        None,
        make("wsse:Username", None, username),
        make("wsse:Password", None, password),
    )
    stamp = make(
        "wsu:Timestamp",
        None,
        make("wsu:Created", None, instant(at_ms)),
        make("wsu:Expires", None, instant(at_ms + 60_000)),
    )
    address = make("wsa:EndpointReference", None, make("wsa:Address", None, applies_to))
    return written(
        make(
            "soap:Envelope",
            None,
            make(
                "soap:Header",
                None,
                make("wsa:MessageID", None, "urn:uuid:1"),
                make("wsse:Security", None, stamp, token),
            ),
            make(
                "soap:Body",
                None,
                make(
                    "wst:RequestSecurityToken",
                    {"Context": "c1"},
                    make("wst:RequestType", None, f"{words.WS_TRUST}/{verb}"),
                    *(make(f"wst:{key}", None, value) for key, value in asked.items()),
                    make("wsp:AppliesTo", None, address),
                    make("wst:ValidateTarget", None, target) if target is not None else None,
                ),
            ),
        )
    )


@pytest.fixture
async def opened(kit: IdentityKit, browser: Browser) -> TestProvider:
    sp = TestProvider()
    saml = await kit.identity.directories.saml(DOMAIN)
    await saml.providers.create(sp.spec(attributes=["uid"]))
    await kit.identity.directories.policies.change_policy(DOMAIN, {"saml.trust_endpoint": True})
    return sp


async def send(browser: Browser, body: bytes) -> httpx.Response:
    return await browser.http.post(PATH, content=body, headers=XML)


def fault(answer: httpx.Response) -> str:
    assert answer.status_code == 500
    return str(parse(answer.content).findtext(".//faultcode"))


async def test_a_password_gets_an_assertion_that_counts(
    kit: IdentityKit, browser: Browser, opened: TestProvider
) -> None:
    answer = await send(browser, envelope(kit, KeyType=f"{words.WS_TRUST}/Bearer"))
    assert answer.status_code == 200, answer.text
    root = parse(answer.content)
    assert next(root.iter(name("wst:RequestSecurityTokenResponse"))).get("Context") == "c1"
    assertion = next(root.iter(name("saml:Assertion")))
    saml = await kit.identity.directories.saml(DOMAIN)
    certificates = [pair.certificate for pair in await saml.keys.published()]
    said = signatures.verified(assertion, certificates)
    assert next(said.iter(name("saml:Audience"))).text == opened.entity_id
    assert next(said.iter(name("saml:AttributeValue"))).text == "ada"
    assert (browser.told[-1].subject, browser.told[-1].error) == (f"ada@{DOMAIN}", None)
    valid = await send(browser, envelope(kit, verb="Validate", target=assertion))
    assert next(parse(valid.content).iter(name("wst:Code"))).text.endswith("/status/valid")
    await kit.clock.advance(3601)
    stale = await send(browser, envelope(kit, verb="Validate", target=assertion))
    assert next(parse(stale.content).iter(name("wst:Code"))).text.endswith("/status/invalid")


async def test_faults_are_the_standards(
    kit: IdentityKit, browser: Browser, opened: TestProvider
) -> None:
    for body, code in [
        (envelope(kit, password="wrong"), "FailedAuthentication"),
        (envelope(kit, username="nobody"), "FailedAuthentication"),
        (envelope(kit, applies_to="https://nobody.test"), "InvalidScope"),
        (envelope(kit, applies_to=""), "InvalidRequest"),
        (envelope(kit, verb="Renew"), "InvalidRequest"),
        (envelope(kit, late_s=3600), "InvalidRequest"),
        (envelope(kit, TokenType="urn:oasis:names:tc:SAML:1.0:assertion"), "InvalidRequest"),
        (envelope(kit, KeyType=f"{words.WS_TRUST}/SymmetricKey"), "InvalidRequest"),
        (b"<!DOCTYPE x><x/>", "InvalidRequest"),
        (b"<x/>", "InvalidRequest"),
    ]:
        assert fault(await send(browser, body)) == f"wst:{code}"
    wrong = await browser.http.post(PATH, json={})
    assert fault(wrong) == "wst:InvalidRequest"
    for _ in range(5):
        await send(browser, envelope(kit, password="wrong"))
    assert fault(await send(browser, envelope(kit))) == "wst:FailedAuthentication"


async def test_who_is_not_let_in_is_told_of(
    kit: IdentityKit, browser: Browser, opened: TestProvider
) -> None:
    saml = await kit.identity.directories.saml(DOMAIN)
    (provider,) = await saml.providers.list()
    only = ServiceProviderUpdateSpec(allowed_groups=["Administrators"])
    await saml.providers.update(provider.name, only)
    assert fault(await send(browser, envelope(kit))) == "wst:RequestFailed"
    told = browser.told[-1]
    assert (told.subject, told.error and told.error.code) == (f"ada@{DOMAIN}", "AccessForbidden")


async def test_it_is_shut_until_the_policy_opens_it(
    kit: IdentityKit, browser: Browser, opened: TestProvider
) -> None:
    policies = kit.identity.directories.policies
    await policies.change_policy(DOMAIN, {"second_factors.requirement": "required"})
    assert fault(await send(browser, envelope(kit))) == "wst:FailedAuthentication"
    await policies.reset_policy(DOMAIN)
    assert fault(await send(browser, envelope(kit))) == "wst:RequestFailed"
