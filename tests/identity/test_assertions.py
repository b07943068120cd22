"""Service accounts sign in with an assertion under their own key."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc import jws

from heliostat.client import signing
from heliostat.client.keyfile import read_key, write_key
from heliostat.client.tokens import ServiceKey, signed_assertion
from heliostat.core.errors import HeliostatError
from heliostat.identity.options import IdentityOptions
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.assertions import token_audiences
from heliostat.identity.tokens.records import SpentAssertion
from heliostat.testing.account_keys import (
    PrivateKey,
    certificate,
    certificate_of,
    p256,
    pem_of,
    private_pem,
    x5c,
)
from heliostat.testing.robot import DOMAIN, Robot
from heliostat.testing.signin import KINDS, new_key_pair


async def test_an_account_gets_an_access_token_and_nothing_lasting(robot: Robot) -> None:
    answer = await robot.sign_in(robot.assertion())
    assert (answer.id_token, answer.refresh_token) == ("", "")
    principal = await robot.kit.identity.verify(answer.access_token)
    assert principal.subject == f"ci@{DOMAIN}"
    assert principal.groups == {f"{DOMAIN}\\Robots", f"{DOMAIN}\\ci"}
    assert principal.client == "ci"


async def test_an_assertion_is_good_once(robot: Robot) -> None:
    assertion = robot.assertion()
    await robot.sign_in(assertion)
    assert "used before" in await robot.refused(assertion)
    await robot.kit.clock.advance(200)
    assert await robot.kit.identity.maintain() == 1
    assert await KINDS.tokens.spent_assertions.all(robot.kit.store) == []
    assert "expired" in await robot.refused(assertion)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aud": "https://elsewhere/openidconnect/token"}, "audience"),
        ({"aud": []}, "audience"),
        ({"sub": "administrator"}, "subject"),
        ({"iss": "other"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"jti": None}, "jti"),
        ({"jti": "short"}, "jti"),
        ({"exp": None}, "read"),
        ({"exp": "soon"}, "read"),
        ({"exp": 0}, "expired"),
        ({"exp": 9_999_999_999}, "lives longer"),
    ],
)
async def test_every_claim_counts(robot: Robot, changes: dict[str, object], word: str) -> None:
    assert word in await robot.refused(robot.assertion(**changes))


async def test_any_address_of_the_site_is_an_audience(robot: Robot) -> None:
    issuer = robot.kit.identity.options.issuer
    for audience in (issuer, [issuer, "x"], "https://site.test:9000/openidconnect/token"):
        await robot.sign_in(robot.assertion(aud=audience))


def signed_with_the_public_key(robot: Robot) -> str:
    """The confusion of algorithms: HS256 with what everyone knows as its secret."""
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256"}, robot.claims())]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.digest(robot.key.as_pem(private=False), text, "sha256")
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


async def test_only_the_accounts_own_key_signs_for_it(robot: Robot) -> None:
    stranger = Robot(robot.kit, new_key_pair()[0])
    assert "signature" in await robot.refused(stranger.assertion())
    assert "signature" in await robot.refused(signed_with_the_public_key(robot))
    head, body, _ = robot.assertion().split(".")
    assert "signature" in await robot.refused(f"{head}.{body}.")
    assert "read" in await robot.refused("no token at all")
    assert "read" in await robot.refused("")


async def test_an_account_can_do_nothing_else_with_its_key(robot: Robot) -> None:
    for grant in ("password", "refresh_token"):
        with pytest.raises(HeliostatError) as caught:
            await robot.sign_in(robot.assertion(), grant_type=grant, username="x", password="y")
        assert caught.value.code == "UnsupportedGrant"
    await robot.refused("", client_assertion_type="")
    assert "has no key" in await robot.refused(
        robot.assertion(iss="helio", sub="helio"), client_id="helio"
    )
    assert "differ" in await robot.refused(robot.assertion(), client_id="helio")
    await robot.refused(robot.assertion(), client_assertion_type="saml")


async def test_a_deleted_account_signs_in_no_more(robot: Robot) -> None:
    await robot.kit.identity.directory.delete_service_account("ci")
    await robot.refused(robot.assertion())


@pytest.mark.parametrize("program", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        None,
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate,
    ],
)
async def test_our_client_library_signs_what_we_accept(
    robot: Robot, make: Callable[[], PrivateKey] | None, program: bool
) -> None:
    """With the cryptography package and with the openssl program; P-256 is made by either."""
    tool = signing._Openssl("openssl") if program else signing.key_tool()
    private = tool.new_key() if make is None else private_pem(make())
    directory = robot.kit.identity.directory
    await directory.create_service_account("lib", tool.public_key(private))
    endpoint = f"https://site.test:9000/openidconnect/token/{DOMAIN}"
    now_s = robot.kit.clock.now_ms() / 1000
    assertion = signed_assertion(ServiceKey("lib", private), endpoint, tool, now_s)
    answer = await robot.sign_in(assertion, client_id="lib")
    assert (await robot.kit.identity.verify(answer.access_token)).client == "lib"


async def test_our_client_library_shows_a_certificate(robot: Robot, tmp_path: Path) -> None:
    """From a file beside the key, or from the key's own file."""
    key, directory = p256(), robot.kit.identity.directory
    shown = pem_of(certificate(key))
    await directory.add_account_certificate("ci", shown)
    bare, beside, whole = (tmp_path / name for name in ("key.pem", "leaf.pem", "ci.json"))
    bare.write_text(private_pem(key))
    beside.write_text(f"of the robot\n{shown}{pem_of(certificate(p256()))}")
    held = read_key(bare, f"ci@{DOMAIN}", beside)
    write_key(whole, held)
    assert read_key(whole) == held
    endpoint = f"https://site.test:9000/openidconnect/token/{DOMAIN}"
    now_s = robot.kit.clock.now_ms() / 1000
    signed = signed_assertion(held, endpoint, signing.key_tool(), now_s)
    assert jose.parsed(signed).header["x5c"] == x5c(certificate_of(shown))
    await robot.sign_in(signed)
    for files in ((bare, "", None), (bare, "ci", tmp_path / "none"), (beside, "", None)):
        with pytest.raises(HeliostatError) as caught:
            read_key(*files)
        assert caught.value.code == "InvalidSetting"
    with pytest.raises(HeliostatError, match="PEM"):
        signed_assertion(replace(held, certificate_pem="x"), endpoint, signing.key_tool(), now_s)


def test_the_address_without_a_tenant_is_the_sites_own() -> None:
    site = IdentityOptions(base_url="https://a:1", other_urls=("https://b:2",))
    acme = replace(site, domain="acme.example", tenant="t1")
    ends = ("token", "introspect", "revoke", "device_authorization", "par")
    bare = {f"{url}/openidconnect/{end}" for url in ("https://a:1", "https://b:2") for end in ends}
    assert bare <= token_audiences(site)
    assert token_audiences(acme) == {f"{each}/acme.example" for each in bare} | {acme.issuer}


async def test_what_is_no_time_and_no_text_is_refused_too(robot: Robot) -> None:
    """Only who has the account's key gets as far as this."""
    assert "read" in await robot.refused(robot.assertion(exp=10**400))
    future = robot.kit.clock.now_ms() // 1000 + 45
    assert "clocks" in await robot.refused(robot.assertion(nbf=future))
    claims = json.dumps(robot.claims(jti="\ud800" * 8)).encode()
    odd = jws.serialize_compact({"alg": "ES256"}, claims, robot.key)
    await robot.sign_in(odd)
    assert "used before" in await robot.refused(odd)


async def test_used_assertions_are_forgotten_soon(robot: Robot) -> None:
    kept = KINDS.tokens.spent_assertions
    for number in range(120):
        spent = SpentAssertion(id=f"{number}", expires_ms=robot.kit.clock.now_ms())
        await robot.kit.store.commit([], kept.put(spent))
    await robot.sign_in(robot.assertion())
    assert await robot.kit.identity.forget() == 120
    assert len(await kept.all(robot.kit.store)) == 1
