"""Clocks that differ: how far another's may be ahead (+) or behind (-) ours, kind by kind.

Each row is a message that its sender made at its own now, ``skew_s`` away from ours.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.federation.records import OidcSettings
from heliostat.identity.federation.token_checks import (
    LOGOUT,
    check_id_token,
    check_logout_token,
)
from heliostat.identity.saml.answers import BEFORE_MS, LASTS_MS, NewIds, Statement, response
from heliostat.identity.saml.bindings import RESPONSE, from_form
from heliostat.identity.saml.consumer import Expected, asserted
from heliostat.identity.saml.markup import written
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.vocabulary import NameIdFormat
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.claims import sign
from heliostat.identity.tokens.records import Algorithm
from heliostat.testing.robot import Robot
from heliostat.testing.saml import pair_of, pem
from heliostat.testing.signin import IdentityKit, code_of, sign_in

NOW_S = 1_800_000_000
SETTINGS = OidcSettings(issuer="https://idp.test", client_id="us")


@pytest.mark.parametrize(
    ("skew_s", "code"),
    [
        (0, ""),
        (29, ""),
        (31, "InvalidAuthToken"),
        (600, "InvalidAuthToken"),
        (-3600 - 29, ""),
        (-3600 - 31, "ExpiredAuthToken"),
    ],
)
async def test_our_token_of_another_controller(kit: IdentityKit, skew_s: int, code: str) -> None:
    claims = jose.parsed((await sign_in(kit)).access_token).claims
    await kit.clock.advance(7200)  # no token counts that is older than whom it is about
    theirs_s = kit.clock.now_ms() // 1000 + skew_s
    moved = {"iat": theirs_s, "nbf": theirs_s, "exp": theirs_s + 3600}
    key = await kit.identity.keys.signer(Algorithm.ES256)
    assert await code_of(kit.identity.verify(sign({**claims, **moved}, key))) == code


@pytest.mark.parametrize(
    ("skew_s", "word"),
    [
        (0, ""),
        (29, ""),
        (31, "clocks"),
        (90, "clocks"),
        (91, "clocks"),
        (-89, ""),
        (-90, "expired"),
        (-600, "expired"),
    ],
)
async def test_a_service_accounts_assertion(robot: Robot, skew_s: int, word: str) -> None:
    theirs_s = robot.kit.clock.now_ms() // 1000 + skew_s
    made = robot.assertion(iat=theirs_s, nbf=theirs_s, exp=theirs_s + 60)
    if word:
        assert word in await robot.refused(made)
    else:
        assert (await robot.sign_in(made)).access_token


@pytest.mark.parametrize(
    ("skew_s", "good"),
    [(0, True), (60, True), (61, False), (600, False), (-359, True), (-360, False)],
)
def test_an_id_token_of_a_provider(skew_s: int, good: bool) -> None:
    theirs_s = NOW_S + skew_s
    claims = {
        "iss": SETTINGS.issuer,
        "aud": "us",
        "sub": "x",
        "nonce": "n",
        "iat": theirs_s,
        "nbf": theirs_s,
        "exp": theirs_s + 300,
    }
    assert taken(lambda: check_id_token(claims, SETTINGS, "n", NOW_S)) == good


@pytest.mark.parametrize(
    ("skew_s", "good"), [(0, True), (300, True), (301, False), (-180, True), (-301, False)]
)
def test_a_logout_token_of_a_provider(skew_s: int, good: bool) -> None:
    theirs_s = NOW_S + skew_s
    claims = {
        "iss": SETTINGS.issuer,
        "aud": ["us"],
        "sub": "x",
        "jti": "1",
        "iat": theirs_s,
        "exp": theirs_s + 121,
        "events": {LOGOUT: {}},
    }
    assert taken(lambda: check_logout_token(claims, SETTINGS, NOW_S)) == good


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize(
    "time", [10**400, -(10**400), float("inf"), float("nan"), True, "1800000000", None, []]
)
def test_what_is_no_time_is_an_answer_and_no_fault(name: str, time: object) -> None:
    good = {"iss": SETTINGS.issuer, "aud": "us", "sub": "x", "jti": "1", "iat": NOW_S}
    claims = {**good, "exp": NOW_S + 60, "nonce": "n", name: time}
    assert not taken(lambda: check_id_token(claims, SETTINGS, "n", NOW_S))
    leaving = {**good, "exp": NOW_S + 60, "events": {LOGOUT: {}}, name: time}
    if name != "nbf":  # logout tokens have none
        assert not taken(lambda: check_logout_token(leaving, SETTINGS, NOW_S))


def taken(check: Callable[[], None]) -> bool:
    try:
        check()
    except PermanentError:
        return False
    return True


IDP = pair_of("idp")
AHEAD_S, LASTS_S = BEFORE_MS // 1000, LASTS_MS // 1000
EXPECTED = Expected("https://idp.test", (pem(IDP),), "us", "https://us.test/acs", "_asked")


@pytest.mark.parametrize(
    ("skew_s", "why"),
    [
        (0, ""),
        (180 + AHEAD_S, ""),
        (181 + AHEAD_S, "clocks"),
        (3600, "clocks"),
        (-179 - LASTS_S, ""),
        (-180 - LASTS_S, "expired"),
    ],
)
def test_a_saml_answer(skew_s: int, why: str) -> None:
    said = Statement(
        issuer=EXPECTED.issuer,
        audience="us",
        recipient=EXPECTED.recipient,
        request_id="_asked",
        name_id="alice",
        name_id_format=NameIdFormat.PERSISTENT,
        attributes={},
        context="urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        session_index="s1",
        signed_in_ms=(NOW_S + skew_s) * 1000,
        session_ends_ms=(NOW_S + skew_s + 3600) * 1000,
        now_ms=(NOW_S + skew_s) * 1000,
    )
    provider = ServiceProvider(name="us", entity_id="us")
    made = written(response(said, provider, IDP, NewIds("_response", "_assertion")))
    received = from_form({RESPONSE: base64.b64encode(made).decode()})
    if not why:
        assert asserted(received, EXPECTED, NOW_S * 1000).name_id == "alice"
        return
    with pytest.raises(HeliostatError, match=why):
        asserted(received, EXPECTED, NOW_S * 1000)
