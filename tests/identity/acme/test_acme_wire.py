"""ACME as a client of our own speaks it: proofs of each kind, and everything that must not pass."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import RSAKey

from heliostat.identity.acme.messages import encoded
from heliostat.identity.acme.problems import PREFIX, Problem
from heliostat.identity.acme.validation import ACME_IDENTIFIER, check_tls_certificate
from heliostat.identity.authority.certificates import common_name, pem
from heliostat.identity.authority.key_files import write_key
from heliostat.identity.authority.rules import Rule
from heliostat.testing.acme import DOMAIN, served_acme
from heliostat.testing.acme_client import Client
from heliostat.testing.certificates import request


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Of a domain whose ACME needs no bound key; registered."""
    async with served_acme(tmp_path) as served:
        authority = await served.identity.directories.authority(DOMAIN)
        policy = await authority.certificates.policy()
        acme = msgspec.structs.replace(policy.acme, binding=False, orders_an_hour=12)
        own = Rule(title="own", everybody=True, names=("{user}.hosts.acme.example",))
        rules = (*policy.rules, own)
        await authority.certificates.set_policy(
            msgspec.structs.replace(policy, acme=acme, rules=rules)
        )
        trust = ssl.create_default_context(cafile=str(served.ca))
        connector = aiohttp.TCPConnector(ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as session:
            made = Client(session, served)
            await made.register()
            yield made


def problem(told: dict[str, Any]) -> str:
    return str(told["type"]).removeprefix(PREFIX)


async def test_requests_that_must_not_pass(client: Client) -> None:
    url = client.url("new-order")
    order = {"identifiers": [{"type": "dns", "value": f"www.{DOMAIN}"}]}
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"nonce": "made-up"}, "badNonce"),
        ({"nonce": None}, "badNonce"),
        ({"url": client.url("new-account")}, "unauthorized"),
        ({"url": "https://elsewhere.example/acme"}, "unauthorized"),
        ({"alg": "none"}, "badSignatureAlgorithm"),
        ({"alg": "HS256"}, "badSignatureAlgorithm"),
        ({"alg": "RS256"}, "badSignatureAlgorithm"),
        ({"jwk": client.jwk}, "malformed"),
        ({"kid": None}, "malformed"),
        ({"kid": client.url("account/nobody")}, "accountDoesNotExist"),
        ({"crit": ["exp"]}, "malformed"),
        ({"b64": False}, "malformed"),
    )
    for header, expected in cases:
        told = await client.post("new-order", order, **header)
        assert problem(told) == expected, (header, told)
    await client.fresh()
    body = client.signed(url, order)
    for change, expected in (
        ({"payload": encoded(b'{"identifiers":[]}')}, "malformed"),
        ({"signature": encoded(b"x" * 64)}, "malformed"),
        ({"signature": body["signature"] + "="}, "malformed"),
        ({"payload": "\ud800"}, "malformed"),
        ({"header": {}}, "malformed"),
    ):
        assert problem(await client.send(url, {**body, **change})) == expected
    for raw in (b"", b"[]", b'{"protected":1}', b"x" * 70_000, b"[" * 60_000,
                b'{"protected":"","protected":"","payload":"","signature":""}'):  # fmt: skip
        assert problem(await client.send(url, raw)) in ("malformed", "badNonce")
    first = await client.send(url, body)
    assert first["status"] == "pending"
    assert problem(await client.send(url, body)) == "badNonce"  # replayed


async def test_accounts(client: Client) -> None:
    fresh = Client(client.session, client.served)
    for odd in (
        {**client.jwk, "d": "AQAB"},
        {**client.jwk, "crv": "secp256k1"},
        {**client.jwk, "x": client.jwk["y"]},
        {"kty": "RSA", "e": "AQAB", "n": encoded(b"\xff" * 128)},
        {"kty": "RSA", "e": "AQAB", "n": encoded(b"\xff" * 2048)},
        {"kty": "RSA", "e": encoded(b"\x7f" * 256), "n": encoded(b"\xff" * 256)},
        {"kty": "oct", "k": "AAAA"},
        "none",
    ):
        assert problem(await fresh.post("new-account", {}, jwk=odd)) == "badPublicKey"
    rsa = Client(client.session, client.served, RSAKey.generate_key(2048), "RS256")
    assert (await rsa.register())["status"] == "valid"
    assert problem(await fresh.post("new-account", {"onlyReturnExisting": True})) == (
        "accountDoesNotExist"
    )
    assert problem(await fresh.post("new-account", {"contact": ["tel:1"]})) == "unsupportedContact"
    again = Client(client.session, client.served, client.key)
    await again.post("new-account", {"onlyReturnExisting": True})
    assert again.last.headers["Location"] == client.kid
    await fresh.register()
    assert problem(await fresh.post(client.kid, {})) == "unauthorized"
    new = Client(client.session, client.served)
    change = client.url("key-change")
    inner = new.signed(change, {"account": client.kid, "oldKey": client.jwk}, nonce=None)
    assert problem(await fresh.post("key-change", inner)) == "malformed"
    assert (await client.post("key-change", inner))["status"] == "valid"
    assert problem(await client.post(client.kid, {})) == "malformed"  # by the old key
    new.kid = client.kid
    assert (await new.post(client.kid, {"status": "deactivated"}))["status"] == "deactivated"
    assert problem(await new.post(client.kid, {})) == "unauthorized"


async def test_strangers_write_nothing(client: Client) -> None:
    """Who is refused leaves no document, however often; who is not can't say it twice."""
    found = client.served.identity.directories
    authority = await found.authority(DOMAIN)
    policy = await authority.certificates.policy()
    bound = msgspec.structs.replace(policy.acme, binding=True)
    await authority.certificates.set_policy(msgspec.structs.replace(policy, acme=bound))
    stranger = Client(client.session, client.served)
    revision = await authority.roots.store.revision()
    for path, payload, expected in (
        ("new-account", {}, "externalAccountRequired"),
        ("new-account", {"externalAccountBinding": {}}, "malformed"),
        ("new-account", {"onlyReturnExisting": True}, "accountDoesNotExist"),
        ("new-order", {"identifiers": []}, "malformed"),
        ("revoke-cert", {"certificate": encoded(b"none")}, "malformed"),
    ):
        assert problem(await stranger.post(path, payload)) == expected
    assert await authority.roots.store.revision() == revision
    await client.fresh()
    url = client.url("new-account")
    body = Client.signed(client, url, {}, kid=None, jwk=client.jwk)
    assert (await client.send(url, body))["status"] == "valid"
    assert problem(await client.send(url, body)) == "badNonce"


async def test_names_that_acme_does_not_order(client: Client) -> None:
    for names, expected in (
        (("www.other.example",), "rejectedIdentifier"),
        (("w*.acme.example",), "rejectedIdentifier"),
        (("192.0.2.1",), "rejectedIdentifier"),
        ((), "malformed"),
    ):
        assert problem(await client.order(*names)) == expected
    told = await client.post("new-order", {"identifiers": [{"type": "ip", "value": "192.0.2.1"}]})
    assert problem(told) == "unsupportedIdentifier"
    stranger = Client(client.session, client.served)
    await stranger.register()
    order = await client.order(f"www.{DOMAIN}")
    for place in (order["url"], order["authorizations"][0]):
        assert client.last is not None
        assert problem(await stranger.post(place)) == "malformed"
        assert stranger.last.status == 404
    csr = encoded(b"no request")
    assert problem(await client.post(order["finalize"], {"csr": csr})) == "orderNotReady"
    codes = [problem(await client.order(f"n{n}.{DOMAIN}")) if n > 20 else
             (await client.order(f"n{n}.{DOMAIN}")).get("type", "") for n in range(13)]  # fmt: skip
    assert codes[-1] == f"{PREFIX}rateLimited"


async def serve_http(client: Client, answers: dict[str, Any]) -> web.AppRunner:
    """What the domain answers on the port of http-01: text, or where it redirects to."""

    async def answer(asked: web.Request) -> web.StreamResponse:
        told = answers.get(asked.path, "nothing")
        if isinstance(told, tuple):
            sent = web.StreamResponse()
            await sent.prepare(asked)
            for piece in told:
                await sent.write(piece.encode())
                await asyncio.sleep(0.02)  # in a packet of its own
            return sent
        if isinstance(told, str) and told.startswith("http"):
            raise web.HTTPFound(told)
        return web.Response(text=told)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", client.served.http_port).start()
    return runner


async def test_http_follows_redirects_but_not_inside(client: Client) -> None:
    answers: dict[str, Any] = {}
    runner = await serve_http(client, answers)
    base = f"http://else.{DOMAIN}:{client.served.http_port}"
    client.served.names.addresses[f"inside.{DOMAIN}"] = "169.254.169.254"
    try:
        for name, target, status in (
            ("a", "right", "valid"),
            ("b", f"{base}/x", "valid"),
            ("c", "wrong", "invalid"),
            ("d", f"http://inside.{DOMAIN}:{client.served.http_port}/x", "invalid"),
            ("e", "http://169.254.169.254/latest/meta-data", "invalid"),
            ("f", f"http://127.0.0.1:{client.served.tls_port + 1}/x", "invalid"),
            ("g", "https://[::1]/x", "invalid"),
            ("h", f"{base}/.well-known/loop", "invalid"),
            ("i", f"http://2130706433:{client.served.http_port}/x", "invalid"),
            ("j", f"http://0x7f.1:{client.served.http_port}/x", "invalid"),
            ("k", "pieces", "valid"),
        ):
            order = await client.order(f"{name}.{DOMAIN}")
            challenge = await client.challenge(order, "http-01")
            place = f"/.well-known/acme-challenge/{challenge['token']}"
            right = client.authorization(challenge)
            answers.update({"/x": right, "/.well-known/loop": f"{base}/.well-known/loop"})
            in_pieces = (right[:5], right[5:], "\n")
            answers[place] = {"right": right, "pieces": in_pieces}.get(target, target)
            told = await client.post(challenge["url"], {})
            assert told["status"] == status, (name, told)
            assert (await client.post(order["url"]))["status"] == (
                "ready" if status == "valid" else "invalid"
            )
    finally:
        await runner.cleanup()


def tls_certificate(
    names: list[str], digest: bytes, *, critical: bool = True
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    proof = x509.UnrecognizedExtension(ACME_IDENTIFIER, b"\x04\x20" + digest)
    made = (
        x509.CertificateBuilder(common_name("x"), common_name("x"), key.public_key(), 5)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .add_extension(proof, critical=critical)
    )
    return made.sign(key, hashes.SHA256()), key


async def test_tls_alpn_issues_tells_when_to_renew_and_revokes(
    client: Client, tmp_path: Path
) -> None:
    name = f"tls.{DOMAIN}"
    order = await client.order(name)
    challenge = await client.challenge(order, "tls-alpn-01")
    digest = hashlib.sha256(client.authorization(challenge).encode()).digest()
    shown, key = tls_certificate([name], digest)
    (tmp_path / "chain").write_bytes(pem(shown))
    write_key(tmp_path / "key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    context.set_alpn_protocols(["acme-tls/1"])

    async def nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    port = client.served.tls_port
    async with await asyncio.start_server(nothing, "127.0.0.1", port, ssl=context):
        assert (await client.post(challenge["url"], {}))["status"] == "valid"
    wrong = encoded(
        x509.load_pem_x509_csr(request("x.acme.example").encode()).public_bytes(Encoding.DER)
    )
    assert problem(await client.post(order["finalize"], {"csr": wrong})) == "badCSR"
    leaf, issuer = await client.finalized(order, name)
    leaf.verify_directly_issued_by(issuer)
    who = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = leaf.serial_number.to_bytes(16)
    info = f"renewal-info/{encoded(who.key_identifier or b'')}.{encoded(serial)}"
    async with client.session.get(client.url(info)) as answer:
        window = (await answer.json())["suggestedWindow"]
        assert int(answer.headers["Retry-After"]) == 21_600
    assert window["start"] < window["end"] < f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    assert window["start"] > f"{datetime.now(UTC) + timedelta(days=55):%Y-%m-%d}"
    stranger = Client(client.session, client.served)
    await stranger.register()
    der = encoded(leaf.public_bytes(Encoding.DER))
    told = await stranger.post("revoke-cert", {"certificate": der})
    assert problem(told) == "unauthorized"
    reasons: tuple[object, ...] = (2, 6, "1", [], {}, None)
    for reason in reasons:
        told = await client.post("revoke-cert", {"certificate": der, "reason": reason})
        assert problem(told) == "badRevocationReason", reason
    await client.post("revoke-cert", {"certificate": der, "reason": 1})
    assert client.last.status == 200
    assert problem(await client.post("revoke-cert", {"certificate": der})) == "alreadyRevoked"
    async with client.session.get(client.url(info)) as answer:
        assert (await answer.json())["suggestedWindow"][
            "end"
        ] <= f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_tls_certificates_that_prove_nothing() -> None:
    digest = hashlib.sha256(b"token.print").digest()
    for names, shown, critical, passes in (
        (["a.example"], digest, True, True),
        (["a.example", "b.example"], digest, True, False),
        (["b.example"], digest, True, False),
        (["a.example"], bytes(32), True, False),
        (["a.example"], digest, False, False),
    ):
        made, _ = tls_certificate(names, shown, critical=critical)
        der = made.public_bytes(Encoding.DER)
        if passes:
            check_tls_certificate(der, "a.example", "token.print")
            continue
        with pytest.raises(Problem):
            check_tls_certificate(der, "a.example", "token.print")


async def test_a_host_shows_its_token(client: Client) -> None:
    identity = client.served.identity
    directory = await identity.directories.of(DOMAIN)
    await directory.create_user("ada", "correct horse battery")
    realm = await identity.realms.get(DOMAIN)
    from heliostat.identity.tokens.token_messages import TokenRequest

    asked = TokenRequest(
        grant_type="password", username=f"ada@{DOMAIN}", password="correct horse battery",
        scope="openid rs_esxcloud at_groups",
    )  # fmt: skip
    token = (await realm.grants.answer(asked)).access_token
    for name, shown, status in (
        ("ada", token, "valid"),
        ("bob", token, "invalid"),
        ("ada", token[:-4] + "AAAA", "invalid"),
    ):
        order = await client.order(f"{name}.hosts.{DOMAIN}")
        challenge = await client.challenge(order, "host-01")
        told = await client.post(challenge["url"], {"accessToken": shown})
        assert told["status"] == status, told
    order = await client.order(f"*.ada.hosts.{DOMAIN}")  # hers is the name, not all below it
    challenge = await client.challenge(order, "host-01")
    told = await client.post(challenge["url"], {"accessToken": token})
    assert told["status"] == "invalid"
    assert f"*.ada.hosts.{DOMAIN}" in told["error"]["detail"]


async def test_what_the_policy_no_longer_allows_is_not_issued(client: Client) -> None:
    authority = await client.served.identity.directories.authority(DOMAIN)
    policy = await authority.certificates.policy()
    answers: dict[str, Any] = {}
    runner = await serve_http(client, answers)
    try:
        order, late = await client.order(f"www.{DOMAIN}"), await client.order(f"late.{DOMAIN}")
        for each in (order, late):
            challenge = await client.challenge(each, "http-01")
            place = f"/.well-known/acme-challenge/{challenge['token']}"
            answers[place] = client.authorization(challenge)
            if each is order:
                assert (await client.post(challenge["url"], {}))["status"] == "valid"
    finally:
        await runner.cleanup()
    csr = encoded(x509.load_pem_x509_csr(request(f"www.{DOMAIN}").encode())
                  .public_bytes(Encoding.DER))  # fmt: skip
    elsewhere = msgspec.structs.replace(policy.acme, names=(f"other.{DOMAIN}",))
    off = msgspec.structs.replace(policy.acme, enabled=False)
    for acme, expected in ((elsewhere, "rejectedIdentifier"), (off, "unauthorized")):
        await authority.certificates.set_policy(msgspec.structs.replace(policy, acme=acme))
        assert problem(await client.post(order["finalize"], {"csr": csr})) == expected
    assert problem(await client.post(challenge["url"], {})) == "unauthorized"
    newcomer = Client(client.session, client.served)
    assert problem(await newcomer.post("new-account", {})) == "unauthorized"
    await authority.certificates.set_policy(policy)
    assert (await client.post(order["finalize"], {"csr": csr}))["status"] == "valid"


async def test_what_is_done_is_told_with_the_account_that_did_it(client: Client) -> None:
    account = f"acme:{client.kid.rpartition('/')[2]}@{DOMAIN}"
    assert client.served.told == [("acmeNewAccount", account, 201)]
    csr = encoded(b"no request")
    await client.post("order/none/finalize", {"csr": csr})
    assert client.served.told[1:] == [("acmeIssueCertificate", account, 404)]


async def test_as_many_names_as_an_order_may_have(client: Client) -> None:
    assert problem(await client.order(*(f"n{n}.{DOMAIN}" for n in range(91)))) == "malformed"
    order = await client.order(*(f"n{n}.{DOMAIN}" for n in range(90)))
    assert len(order["authorizations"]) == 90


def test_base64_is_the_urls() -> None:
    assert encoded(b"\xff\xfe") == base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("=")
