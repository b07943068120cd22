"""One-time join tokens."""

from __future__ import annotations

import asyncio

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.join_token import decode, encode
from heliostat.identity.authority.join import JOIN_RECORDS
from heliostat.testing.signin import IdentityKit, signing_request

HOST = "7f9c2ba4-e88f-4827-a0d6-2b1a8f8f8f01"


def request() -> str:
    return signing_request(ec.generate_private_key(ec.SECP256R1()))


async def refused(kit: IdentityKit, secret: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        await kit.identity.joins.redeem(secret, request())
    assert caught.value.code == "InvalidToken"


async def test_a_token_is_redeemed_for_the_certificate_of_its_host(kit: IdentityKit) -> None:
    issued = await kit.identity.joins.issue(HOST)
    assert issued.expires_ms == kit.clock.now_ms() + 3_600_000
    token = decode(f"  {issued.token}\n")
    assert (token.url, token.host) == ("https://site.test:9001", HOST)
    assert token.fingerprint == kit.identity.authority.fingerprint
    assert token.ca == kit.identity.authority.anchor_pem
    answer = await kit.identity.joins.redeem(token.secret, request())
    leaf = x509.load_pem_x509_certificate(answer["certificate"].encode())
    issuer = await kit.identity.authorities.system.issuers.current()
    leaf.verify_directly_issued_by(issuer.certificate)
    root = x509.load_pem_x509_certificate(answer["ca"].encode())
    issuer.certificate.verify_directly_issued_by(root)
    assert leaf.subject.rfc4514_string() == f"CN={HOST}"


async def test_the_secret_is_not_kept(kit: IdentityKit) -> None:
    secret = decode((await kit.identity.joins.issue(HOST)).token).secret
    page = await kit.store.list("/")
    assert all(secret.encode() not in each.value for each in page.items)
    assert all(secret not in each.key for each in page.items)


async def test_a_token_is_good_once_even_at_the_same_moment(kit: IdentityKit) -> None:
    secret = decode((await kit.identity.joins.issue(HOST)).token).secret
    done = await asyncio.gather(
        *(kit.identity.joins.redeem(secret, request()) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, dict) for each in done) == 1
    assert {each.code for each in done if isinstance(each, HeliostatError)} == {"InvalidToken"}
    await refused(kit, secret)


async def test_wrong_and_late_secrets(kit: IdentityKit) -> None:
    secret = decode((await kit.identity.joins.issue(HOST)).token).secret
    for wrong in ("", "x", secret + "x"):
        await refused(kit, wrong)
    await kit.clock.advance(3600)
    await refused(kit, secret)
    assert await kit.identity.maintain() == 1
    assert await JOIN_RECORDS.all(kit.store) == []


async def test_upkeep_that_fails_keeps_back_nothing_else(kit: IdentityKit) -> None:
    await kit.identity.joins.issue(HOST)
    await kit.clock.advance(3600)
    await kit.identity.directory.create_computer("vm-1")
    await kit.identity.directory.change_computer("vm-1", vm="1")

    async def away(_vm: str) -> bool:
        raise TemporaryError("StoreUnavailable", "The platform is away.")

    kit.identity.directories.has_vm = away
    assert await kit.identity.maintain() == 1
    assert await JOIN_RECORDS.all(kit.store) == []


async def test_a_bad_request_does_not_spend_the_token(kit: IdentityKit) -> None:
    secret = decode((await kit.identity.joins.issue(HOST)).token).secret
    with pytest.raises(HeliostatError) as caught:
        await kit.identity.joins.redeem(secret, "no request")
    assert caught.value.code == "InvalidEntity"
    await kit.identity.joins.redeem(secret, request())


async def test_a_token_cut_off_or_for_plain_http_is_refused(kit: IdentityKit) -> None:
    text = (await kit.identity.joins.issue(HOST)).token
    token = decode(text)
    plain = encode(type(token)(url="http://x", ca="", fingerprint="", host="h", secret="s"))
    for wrong in (text[:-10], text[5:], "hjt1.", "hjt1.e30", "", plain):
        with pytest.raises(HeliostatError) as caught:
            decode(wrong)
        assert caught.value.code == "InvalidToken"


@given(st.text(max_size=200))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    for candidate in (text, f"hjt1.{text}"):
        with pytest.raises(HeliostatError) as caught:
            decode(candidate)
        assert caught.value.code == "InvalidToken"
