"""Signing in to service providers and out of them, by requests and forms as browsers send them."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from heliostat.identity.factors import totp
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.bindings import RESPONSE, from_form, from_query
from heliostat.identity.saml.consumer import Asserted, Expected, asserted
from heliostat.identity.saml.markup import Node, make, name, text_of
from heliostat.identity.saml.vocabulary import AuthnContext, NameIdFormat
from heliostat.testing.browser import Browser, Page
from heliostat.testing.saml import TestProvider, message_in
from heliostat.testing.signin import KINDS, PASSWORD, IdentityKit
from heliostat.wire.service_providers import ServiceProviderUpdateSpec

DOMAIN = "heliostat.local"
SITE = "https://site.test:9000"
SSO = f"/websso/SAML2/SSO/{DOMAIN}"
SLO = f"/websso/SAML2/SLO/{DOMAIN}"
LONGEST_ADDRESS = 8_000
IDP = f"{SITE}/websso/SAML2/Metadata/{DOMAIN}"


@pytest.fixture
async def sp(kit: IdentityKit, browser: Browser) -> TestProvider:
    made = TestProvider()
    await (await kit.identity.directories.saml(DOMAIN)).providers.create(made.spec())
    return made


async def change(kit: IdentityKit, provider: str = "sp", **fields: object) -> None:
    spec = ServiceProviderUpdateSpec(**fields)  # type: ignore[arg-type]
    await (await kit.identity.directories.saml(DOMAIN)).providers.update(provider, spec)


async def asked(
    kit: IdentityKit, browser: Browser, sp: TestProvider, *inside: Node, **more: str | None
) -> httpx.Response:
    """What the browser gets for a request, once it has come back with its cookie."""
    message = sp.authn_request(SITE + SSO, kit.clock.now_ms(), *inside, **more)
    return await arrive(browser, await browser.get(f"{SSO}?{sp.query(message, 'here')}"))


async def arrive(browser: Browser, answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 303, answer.text
    return await browser.get(answer.headers["Location"])


async def sign_in(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Type name and password into the page."""
    assert 'name="password"' in page.text, page.text
    return await browser.take(page, username="ada", password=PASSWORD)


async def read(
    kit: IdentityKit, sp: TestProvider, page: httpx.Response, request_id: str = ""
) -> Asserted:
    """What the form on its way to the provider says, as the provider reads it."""
    assert page.status_code == 200, page.text
    fields = Page(page.text).fields
    message = message_in(fields, RESPONSE)
    saml = await kit.identity.directories.saml(DOMAIN)
    expected = Expected(
        issuer=IDP,
        certificates=[pair.base64 for pair in await saml.keys.published()],
        audience=sp.entity_id,
        recipient=message.get("Destination"),
        request_id=request_id or f"_request{sp.made}",
        pairs=(sp.pair,),
    )
    return asserted(from_form(fields), expected, kit.clock.now_ms())


def told(page: httpx.Response) -> list[str]:
    """The status codes that a provider is told."""
    assert page.status_code == 200, page.text
    message = message_in(Page(page.text).fields, RESPONSE)
    return [each.get("Value").rpartition(":")[2] for each in message.iter(name("samlp:StatusCode"))]


async def test_a_sign_in_by_request_and_the_next_one_without_a_password(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    page = await asked(kit, browser, sp)
    answer = await sign_in(browser, page)
    said = await read(kit, sp, answer)
    assert Page(answer.text).fields["RelayState"] == "here"
    assert f'action="{sp.acs}"' in answer.text
    assert said.attributes == {}
    assert said.context == AuthnContext.PROTECTED_PASSWORD
    assert (browser.told[-1].grant, browser.told[-1].client) == ("saml", "sp")
    again = await read(kit, sp, await asked(kit, browser, sp))
    assert again.name_id == said.name_id
    assert again.session_index != said.session_index
    back = await browser.get(f"/openidconnect/saml/sign-in/{DOMAIN}", asked="x")
    assert back.status_code == 400
    await kit.identity.directory.delete_user("ada")
    await kit.identity.directory.create_user("ada", PASSWORD)
    other = await read(kit, sp, await sign_in(browser, await asked(kit, browser, sp)))
    assert other.name_id != said.name_id  # whoever has her name next is somebody else


async def test_people_are_told_of_and_named_as_registered(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    directory = kit.identity.directory
    await directory.change_user("ada", email="ada@x.test", family_name="L")
    await directory.create_group("Readers")
    await directory.add_member("Readers", "ada")
    persistent = (
        await read(kit, sp, await sign_in(browser, await asked(kit, browser, sp)))
    ).name_id
    wants = [
        (NameIdFormat.TRANSIENT, "_"),
        (NameIdFormat.PERSISTENT, persistent),
        (NameIdFormat.UNSPECIFIED, persistent),
    ]
    for format_, begins in wants:
        policy = make("samlp:NameIDPolicy", {"Format": format_.value})
        said = await read(kit, sp, await asked(kit, browser, sp, policy))
        assert said.name_id.startswith(begins)
    policy = make("samlp:NameIDPolicy", {"Format": NameIdFormat.EMAIL.value})
    message = sp.authn_request(SITE + SSO, kit.clock.now_ms(), policy)
    refused = await browser.get(f"{SSO}?{sp.query(message)}")
    assert told(refused) == ["Requester", "InvalidNameIDPolicy"]
    everything = ["mail", "givenName", "sn", "displayName", "uid", "upn", "groups"]
    await change(kit, attributes=everything, encrypt=True, name_id_format="emailAddress")
    answer = await asked(kit, browser, sp)
    assert "EncryptedAssertion" in message_in(Page(answer.text).fields, RESPONSE)[-1].tag
    said = await read(kit, sp, answer)
    assert said.name_id == "ada@x.test"
    assert said.attributes["displayName"] == ("Ada L",)
    assert said.attributes["userPrincipalName"] == (f"ada@{DOMAIN}",)
    assert said.attributes["Groups"] == (f"{DOMAIN}\\Readers",)
    for signs in ("response", "assertion"):
        await change(kit, signs=signs, encrypt=False)
        message = message_in(Page((await asked(kit, browser, sp)).text).fields, RESPONSE)
        signed = [each.getparent().tag for each in message.iter(name("ds:Signature"))]
        assert [each.rpartition("}")[2].lower() for each in signed] == [signs]
    await change(kit, allowed_groups=["Administrators"])
    assert told(await asked(kit, browser, sp)) == ["Responder", "RequestDenied"]
    await change(kit, allowed_groups=["readers"])
    assert (await read(kit, sp, await asked(kit, browser, sp))).name_id == "ada@x.test"


def context(class_: str, comparison: str = "exact") -> Node:
    reference = make("saml:AuthnContextClassRef", None, class_)
    return make("samlp:RequestedAuthnContext", {"Comparison": comparison}, reference)


async def test_requests_say_how_somebody_has_to_sign_in(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    assert told(await asked(kit, browser, sp, IsPassive="true")) == ["Responder", "NoPassive"]
    await sign_in(browser, await asked(kit, browser, sp))
    assert (await read(kit, sp, await asked(kit, browser, sp, IsPassive="true"))).name_id
    await kit.clock.advance(1.0)
    page = await asked(kit, browser, sp, ForceAuthn="true")
    assert (await read(kit, sp, await sign_in(browser, page))).name_id
    await kit.clock.advance(1.0)
    forced = await asked(kit, browser, sp, ForceAuthn="true", IsPassive="true")
    assert told(forced) == ["Responder", "NoPassive"]
    for class_, comparison, granted in [
        (AuthnContext.PASSWORD, "exact", AuthnContext.PASSWORD),
        (AuthnContext.PROTECTED_PASSWORD, "exact", AuthnContext.PROTECTED_PASSWORD),
        (AuthnContext.PASSWORD, "minimum", AuthnContext.PROTECTED_PASSWORD),
        (AuthnContext.MULTI_FACTOR, "maximum", AuthnContext.PROTECTED_PASSWORD),
    ]:
        page = await asked(kit, browser, sp, context(class_, comparison))
        assert (await read(kit, sp, page)).context == granted
    unmet: list[tuple[str, str]] = [
        ("urn:oasis:names:tc:SAML:2.0:ac:classes:X509", "exact"),
        (AuthnContext.MULTI_FACTOR, "exact"),
        (AuthnContext.MULTI_FACTOR, "better"),
        (AuthnContext.KERBEROS, "exact"),
    ]
    for unwanted, comparison in unmet:
        page = await asked(kit, browser, sp, context(unwanted, comparison))
        assert told(page) == ["Responder", "NoAuthnContext"], unwanted


async def test_a_second_factor_is_shown_where_the_provider_asks_for_it(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    policies = kit.identity.directories.policies
    await policies.change_policy(DOMAIN, {"second_factors.requirement": "off"})
    factors = kit.identity.realms.system.factors
    secret, sealed = factors.new_secret("ada")

    def code() -> str:
        return totp.code_at(secret, kit.clock.now_ms() // 1000 // totp.STEP_S)

    await factors.add_codes("ada", sealed, code(), "Phone")
    await kit.clock.advance(totp.STEP_S)
    said = await read(kit, sp, await sign_in(browser, await asked(kit, browser, sp)))
    assert said.context == AuthnContext.PROTECTED_PASSWORD
    two = context(AuthnContext.MULTI_FACTOR)
    passive = await asked(kit, browser, sp, two, IsPassive="true")
    assert told(passive) == ["Responder", "NoPassive"]
    message = sp.authn_request(SITE + SSO, kit.clock.now_ms(), context(AuthnContext.MULTI_FACTOR))
    answer = await arrive(browser, await browser.get(f"{SSO}?{sp.query(message)}"))
    page = await browser.step(answer)
    raised = await read(kit, sp, await browser.take(page, code=code()))
    assert (raised.context, raised.name_id) == (AuthnContext.MULTI_FACTOR, said.name_id)
    password = context(AuthnContext.PASSWORD)
    assert (await read(kit, sp, await asked(kit, browser, sp, password))).context == (
        AuthnContext.PASSWORD
    )


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"AssertionConsumerServiceURL": "https://evil.test/acs"}, "has no address"),
        ({"AssertionConsumerServiceURL": "https://sp.test/acs/"}, "has no address"),
        ({"AssertionConsumerServiceIndex": "7"}, "has no address"),
        ({"Destination": "https://other.test/sso"}, "meant for"),
        ({"IssueInstant": "2001-01-01T00:00:00Z"}, "too old"),
        ({"IssueInstant": "2101-01-01T00:00:00Z"}, "future"),
        ({"IssueInstant": "yesterday"}, "no time"),
        ({"ID": ""}, "no id"),
        ({"Version": "1.1"}, "SAML 2.0"),
        (
            {"ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"},
            "another way",
        ),
    ],
)
async def test_requests_out_of_order_are_shown_to_the_person(
    kit: IdentityKit, browser: Browser, sp: TestProvider, more: dict[str, str], why: str
) -> None:
    message = sp.authn_request(SITE + SSO, kit.clock.now_ms(), **more)
    page = await browser.get(f"{SSO}?{sp.query(message)}")
    assert page.status_code == 400
    assert why in page.text


async def test_who_asks_is_believed_by_its_key_and_once(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    now_ms = kit.clock.now_ms()
    signed = sp.query(sp.authn_request(SITE + SSO, now_ms))
    before = await kit.store.revision()
    page = await arrive(browser, await browser.get(f"{SSO}?{signed}"))
    assert await kit.store.revision() == before  # nobody has signed in, so nothing is kept
    assert RESPONSE in Page((await sign_in(browser, page)).text).fields
    once_more = await arrive(browser, await browser.get(f"{SSO}?{signed}"))
    assert "was answered" in once_more.text
    browser.cookies.clear()
    stranger = TestProvider("https://stranger.test/saml")
    forged = stranger.query(sp.authn_request(SITE + SSO, now_ms))
    assert "no key that is registered" in (await browser.get(f"{SSO}?{forged}")).text
    unknown = stranger.query(stranger.authn_request(SITE + SSO, now_ms))
    assert (await browser.get(f"{SSO}?{unknown}")).status_code == 404
    unsigned = sp.query(sp.authn_request(SITE + SSO, now_ms)).partition("&SigAlg")[0]
    assert (await browser.get(f"{SSO}?{unsigned}")).status_code == 303
    await change(kit, signed_requests=True)
    unsigned = sp.query(sp.authn_request(SITE + SSO, now_ms)).partition("&SigAlg")[0]
    assert "not signed" in (await browser.get(f"{SSO}?{unsigned}")).text
    by_form = await browser.post(SSO, sp.form(sp.authn_request(SITE + SSO, now_ms), "x"))
    assert by_form.status_code == 303
    forged_form = stranger.form(sp.authn_request(SITE + SSO, now_ms))
    assert "no key that is registered" in (await browser.post(SSO, forged_form)).text
    second = await asked(kit, browser, sp, AssertionConsumerServiceIndex="1")
    answer = await sign_in(browser, second)
    assert f'action="{sp.acs}/2"' in answer.text


async def test_people_may_begin_here_where_the_provider_takes_that(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    path = f"/websso/SAML2/IDPSSO/{DOMAIN}"
    begun = {"entityID": sp.entity_id, "RelayState": "start"}
    assert "has not asked for" in (await browser.get(path, **begun)).text
    await change(kit, unsolicited=True)
    page = await arrive(browser, await browser.get(path, **begun))
    answer = await sign_in(browser, page)
    fields = Page(answer.text).fields
    message = message_in(fields, RESPONSE)
    assert message.get("InResponseTo") is None
    assert fields["RelayState"] == "start"
    long = {**begun, "RelayState": "x" * 2000}
    assert (await browser.get(path, **long)).status_code == 400


async def both_signed_in(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> tuple[TestProvider, Asserted, Asserted]:
    """The browser is signed in to two providers."""
    other = TestProvider("https://wiki.test/saml", "https://wiki.test/acs", "https://wiki.test/slo")
    saml = await kit.identity.directories.saml(DOMAIN)
    await saml.providers.create(other.spec(name="wiki"))
    first = await read(kit, sp, await sign_in(browser, await asked(kit, browser, sp)))
    return other, first, await read(kit, other, await asked(kit, browser, other))


def going_to(answer: httpx.Response, place: str) -> Node:
    """The message in the query of a redirect there."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith(f"{place}?"), location
    return from_query(urlsplit(location).query)


def logout_response(sp: TestProvider, kit: IdentityKit, request_id: str, code: str) -> Node:
    status = make("samlp:Status", None, make("samlp:StatusCode", {"Value": code}))
    given = {"InResponseTo": request_id}
    message = sp.authn_request(SITE + SLO, kit.clock.now_ms(), status, **given)
    message.tag = name("samlp:LogoutResponse")
    return message


async def test_one_provider_signs_out_and_the_other_is_told(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    other, mine, theirs = await both_signed_in(kit, browser, sp)
    await kit.clock.advance(1.0)
    page = await asked(kit, browser, other, ForceAuthn="true")  # the browser's session is new now
    again = await read(kit, other, await sign_in(browser, page))
    request = sp.logout_request(SITE + SLO, kit.clock.now_ms(), mine.name_id, mine.session_index)
    unsigned = sp.query(request).partition("&SigAlg")[0]
    assert "not signed" in (await browser.get(f"{SLO}?{unsigned}")).text
    sent = going_to(await browser.get(f"{SLO}?{sp.query(request, 'rs')}"), other.slo)
    asked_out = sent.root
    assert text_of(asked_out.find(name("saml:NameID"))) == theirs.name_id
    sessions = {text_of(each) for each in asked_out.findall(name("samlp:SessionIndex"))}
    assert sessions == {theirs.session_index, again.session_index}
    told_id = asked_out.get("ID")
    success = logout_response(other, kit, told_id, words.Status.SUCCESS)
    answers = other.query(success, sent.relay_state, RESPONSE)
    forged = sp.query(success, sent.relay_state, RESPONSE)
    assert "no key" in (await browser.get(f"{SLO}?{forged}")).text
    wrong = logout_response(other, kit, "_other", words.Status.SUCCESS)
    stale = other.query(wrong, sent.relay_state, RESPONSE)
    assert "answers nothing" in (await browser.get(f"{SLO}?{stale}")).text
    done = going_to(await browser.get(f"{SLO}?{answers}"), sp.slo)
    assert done.root.tag == name("samlp:LogoutResponse")
    assert done.relay_state == "rs"
    assert done.root.get("InResponseTo") == request.get("ID")
    codes = [each.get("Value") for each in done.root.iter(name("samlp:StatusCode"))]
    assert codes == [words.Status.SUCCESS]
    assert "over" in (await browser.get(f"{SLO}?{answers}")).text
    assert 'name="password"' in (await asked(kit, browser, sp)).text
    ends = [each for each in browser.told if each.operation == "signOut"]
    assert [(each.subject, each.client) for each in ends] == [(f"ada@{DOMAIN}", "sp")]


@pytest.mark.parametrize(("more", "one_name", "requests"), [(130, False, 100), (30, True, 1)])
async def test_more_than_a_browser_can_be_led_through_is_a_partial_logout(
    kit: IdentityKit, browser: Browser, sp: TestProvider, more: int, one_name: bool, requests: int
) -> None:
    other, mine, theirs = await both_signed_in(kit, browser, sp)
    kept = KINDS.saml.participants
    (known,) = [e.value for e in await kept.all(kit.store) if e.value.name_id == theirs.name_id]
    for number in range(more):
        name_id = known.name_id if one_name else f"name{number}"
        index = f"index{number}"
        new = msgspec.structs.replace(known, id=index, name_id=name_id, session_index=index)
        await kit.store.commit([], kept.put(new))
    request = sp.logout_request(SITE + SLO, kit.clock.now_ms(), mine.name_id, mine.session_index)
    answer = await browser.get(f"{SLO}?{sp.query(request, 'rs')}")
    assert await kept.all(kit.store) == []
    asked_out = set()
    while answer.headers["Location"].startswith(other.slo):
        sent = going_to(answer, other.slo)
        assert len(answer.headers["Location"]) < LONGEST_ADDRESS
        asked_out.add(sent.root.get("ID"))
        success = logout_response(other, kit, sent.root.get("ID"), words.Status.SUCCESS)
        answer = await browser.get(f"{SLO}?{other.query(success, sent.relay_state, RESPONSE)}")
    assert len(asked_out) == requests
    done = going_to(answer, sp.slo)
    codes = [each.get("Value") for each in done.root.iter(name("samlp:StatusCode"))]
    assert codes == [words.Status.SUCCESS, words.Status.PARTIAL_LOGOUT]
    assert 'name="password"' in (await asked(kit, browser, sp)).text


async def test_signing_out_here_goes_through_the_providers_and_says_who_stayed(
    kit: IdentityKit, browser: Browser, sp: TestProvider
) -> None:
    other, _, _ = await both_signed_in(kit, browser, sp)
    await change(kit, "wiki", logout_url="")
    page = await browser.get(f"/openidconnect/logout/{DOMAIN}")
    answer = await browser.post(f"/openidconnect/logout/{DOMAIN}", Page(page.text).fields)
    sent = going_to(answer, sp.slo)
    success = logout_response(sp, kit, sent.root.get("ID"), words.Status.SUCCESS)
    end = await browser.get(f"{SLO}?{sp.query(success, sent.relay_state, RESPONSE)}")
    assert "some programs have not confirmed" in end.text
    assert other.entity_id not in end.text
    assert 'name="password"' in (await asked(kit, browser, sp)).text


async def test_two_controllers_make_one_next_key(kit: IdentityKit) -> None:
    saml = await kit.identity.directories.saml(DOMAIN)
    await saml.keys.signer()
    first, second = await asyncio.gather(saml.keys.replace(), saml.keys.replace())
    assert first == second
    assert len(await saml.keys.published()) == 2


async def test_metadata_is_signed_and_has_the_next_key(kit: IdentityKit, browser: Browser) -> None:
    saml = await kit.identity.directories.saml(DOMAIN)
    path = f"/websso/SAML2/Metadata/{DOMAIN}"
    first = await browser.get(path)
    assert first.headers["Content-Type"] == "application/samlmetadata+xml"
    before = await saml.keys.signer()
    assert (
        first.text.count(before.base64) == 3
    )  # one for each use; the signature's is broken into lines
    signs_from = await saml.replace_key()
    assert await saml.replace_key() == signs_from
    second = (await browser.get("/websso/SAML2/Metadata")).text
    (_, following) = await saml.keys.published()
    assert before.base64 in second
    assert following.base64 in second
    await kit.clock.advance((signs_from - kit.clock.now_ms()) / 1000 + 1)
    assert (await saml.keys.signer()).base64 == following.base64
    await kit.clock.advance(40 * 86_400)
    await kit.identity.maintain()
    third = (await browser.get(path)).text
    assert following.base64 in third
    assert before.base64 not in third
    assert (await browser.get("/websso/SAML2/Metadata/nowhere")).status_code == 404
    assert (await browser.get("/websso/HealthStatus")).text == "GREEN"
