"""What we write, judged by others: the standard's schemas, xmlsec1, and pysaml2 on both sides."""

from __future__ import annotations

import base64
import copy
import subprocess
import time
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.answers import (
    NewIds,
    Statement,
    logout_request,
    logout_response,
    name_id,
    response,
)
from heliostat.identity.saml.bindings import RESPONSE, from_form
from heliostat.identity.saml.consumer import Expected, asserted
from heliostat.identity.saml.markup import Node, written
from heliostat.identity.saml.metadata import metadata
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.signatures import sign
from heliostat.identity.saml.vocabulary import NameIdFormat
from heliostat.testing.browser import Browser, Page
from heliostat.testing.saml import pair_of, pem
from heliostat.testing.signin import PASSWORD, IdentityKit, start_identity
from heliostat.wire.service_providers import ServiceProviderCreateSpec

NOW_MS = 1_800_000_000_000
IDP, SP = pair_of("idp"), pair_of("sp")
DOMAIN = "heliostat.local"
SITE = "https://site.test:9000"
ACS = "https://pysaml2.test/acs"
XMLSEC = "/usr/bin/xmlsec1"


def key_file(folder: Path, name: str, pair: Any) -> tuple[str, str]:
    """The pair's two files."""
    key = pair.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / f"{name}.key").write_bytes(key)
    (folder / f"{name}.crt").write_text(pem(pair))
    return str(folder / f"{name}.key"), str(folder / f"{name}.crt")


def statement(**more: Any) -> Statement:
    given = {
        "issuer": "https://idp.test/md",
        "audience": "https://sp.test/md",
        "recipient": "https://sp.test/acs",
        "request_id": "_asked",
        "name_id": "alice",
        "name_id_format": NameIdFormat.PERSISTENT,
        "attributes": {"mail": ("alice@idp.test",), "groups": ("a", "b")},
        "context": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
        "session_index": "s1",
        "signed_in_ms": NOW_MS,
        "session_ends_ms": NOW_MS + 3_600_000,
        "now_ms": NOW_MS,
    }
    return Statement(**{**given, **more})


def answer(*, encrypts: bool = False) -> Node:
    provider = ServiceProvider(name="sp", entity_id="x", encryption=(SP.base64,), encrypts=encrypts)
    return response(statement(), provider, IDP, NewIds("_response", "_assertion"))


def test_messages_and_metadata_are_as_the_schemas_have_them() -> None:
    from saml2.xml.schema import validate  # with the schemas that it ships

    who = name_id("a", NameIdFormat.PERSISTENT, "i", "s")
    for message in (
        answer(),
        answer(encrypts=True),
        sign(logout_request("i", "https://d", who, ["1", "2"], "_1", NOW_MS), IDP),
        sign(logout_response("i", "https://d", "_1", "_2", NOW_MS, partial=True), IDP),
    ):
        validate(written(message).decode())
    ours = metadata(Addresses(SITE, DOMAIN), [IDP, SP], "_m", NOW_MS)
    validate(ours.decode())
    with pytest.raises(Exception, match="validat"):
        validate(ours.decode().replace("entityID=", "entityNumber="))


@pytest.mark.parametrize(
    ("element", "id_"),
    [
        ("urn:oasis:names:tc:SAML:2.0:protocol:Response", "_response"),
        ("urn:oasis:names:tc:SAML:2.0:assertion:Assertion", "_assertion"),
    ],
)
def test_xmlsec1_verifies_what_we_sign_and_opens_what_we_encrypt(
    tmp_path: Path, element: str, id_: str
) -> None:
    _, certificate = key_file(tmp_path, "idp", IDP)
    key, _ = key_file(tmp_path, "sp", SP)
    (tmp_path / "r.xml").write_bytes(written(answer()))
    (tmp_path / "e.xml").write_bytes(written(answer(encrypts=True)))

    def xmlsec(*argv: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([XMLSEC, *argv], capture_output=True, timeout=30, check=False)

    at = f"//*[@ID='{id_}']/*[local-name()='Signature']"
    verify = ("--verify", "--pubkey-cert-pem", certificate, "--id-attr:ID", element)
    assert xmlsec(*verify, "--node-xpath", at, str(tmp_path / "r.xml")).returncode == 0
    bent = written(answer()).replace(b"alice<", b"admin<")
    (tmp_path / "b.xml").write_bytes(bent)
    assert xmlsec(*verify, "--node-xpath", at, str(tmp_path / "b.xml")).returncode != 0
    opened = xmlsec("--decrypt", "--privkey-pem", key, str(tmp_path / "e.xml"))
    assert b"alice" in opened.stdout, opened.stderr


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    """A sign-in that lives today, as pysaml2 does."""
    made = await start_identity(tmp_path / "authority", start_ms=int(time.time() * 1000))
    yield made
    made.identity.close()
    await made.store.close()


def service_provider(folder: Path) -> dict[str, Any]:
    """pysaml2's configuration of a service provider."""
    import saml2

    key, certificate = key_file(folder, "py", SP)
    services = {
        "endpoints": {"assertion_consumer_service": [(ACS, saml2.BINDING_HTTP_POST)]},
        "authn_requests_signed": True,
        "want_assertions_signed": True,
        "want_response_signed": True,
        "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
    }
    return {
        "entityid": "https://pysaml2.test/md",
        "key_file": key,
        "cert_file": certificate,
        "xmlsec_binary": XMLSEC,
        "delete_tmpfiles": True,
        "encryption_keypairs": [{"key_file": key, "cert_file": certificate}],
        "service": {"sp": services},
    }


async def test_pysaml2_signs_people_in(kit: IdentityKit, browser: Browser, tmp_path: Path) -> None:
    from saml2.client import Saml2Client
    from saml2.config import SPConfig
    from saml2.metadata import entity_descriptor

    said = service_provider(tmp_path)
    described = str(entity_descriptor(SPConfig().load(copy.deepcopy(said))))
    providers = (await kit.identity.directories.saml(DOMAIN)).providers
    spec = ServiceProviderCreateSpec(
        name="py", metadata=described, attributes=["uid"], name_id_format="persistent"
    )
    assert (await providers.create(spec)).wants_signed_requests
    ours = await browser.get(f"/websso/SAML2/Metadata/{DOMAIN}")
    (tmp_path / "idp.xml").write_bytes(ours.content)
    client = Saml2Client(
        config=SPConfig().load({**said, "metadata": {"local": [str(tmp_path / "idp.xml")]}})
    )
    asked, sent = client.prepare_for_authenticate(relay_state="rs")
    place = urlsplit(dict(sent["headers"])["Location"])
    arrived = await browser.get(f"{place.path}?{place.query}")
    page = await browser.get(arrived.headers["Location"])
    form = Page((await browser.take(page, username="ada", password=PASSWORD)).text).fields
    read = client.parse_authn_request_response(
        form[RESPONSE], "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", outstanding={asked: "/"}
    )
    assert read.ava == {"uid": ["ada"]}
    assert read.name_id.text.startswith("P")
    assert parse_qs(place.query)["RelayState"] == [form["RelayState"]]


def test_what_pysaml2_signs_as_identity_provider_is_believed(tmp_path: Path) -> None:
    import saml2
    from saml2.config import IdPConfig
    from saml2.saml import AUTHN_PASSWORD, NAMEID_FORMAT_PERSISTENT, NameID

    with warnings.catch_warnings():  # of what it uses of cryptography, none of it here
        warnings.simplefilter("ignore")
        from saml2.server import Server
    key, certificate = key_file(tmp_path, "pyidp", IDP)
    (tmp_path / "sp.xml").write_bytes(
        metadata(Addresses(SITE, DOMAIN), [SP], "_m", int(time.time() * 1000))
    )
    said = {
        "entityid": "https://pyidp.test/md",
        "key_file": key,
        "cert_file": certificate,
        "xmlsec_binary": XMLSEC,
        "delete_tmpfiles": True,
        "metadata": {"local": [str(tmp_path / "sp.xml")]},
        "service": {
            "idp": {
                "endpoints": {
                    "single_sign_on_service": [
                        ("https://pyidp.test/sso", saml2.BINDING_HTTP_REDIRECT)
                    ]
                },
                "policy": {"default": {"attribute_restrictions": None}},
            }
        },
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = Server(config=IdPConfig().load(said)).create_authn_response(
            identity={"uid": "alice", "mail": "alice@pyidp.test"},
            in_response_to="_asked",
            destination=Addresses(SITE, DOMAIN).consumer,
            sp_entity_id=Addresses(SITE, DOMAIN).entity_id,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="alice"),
            authn={"class_ref": AUTHN_PASSWORD, "authn_auth": "x"},
            sign_assertion=True,
            sign_response=False,
            sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
        )
    form = {RESPONSE: base64.b64encode(str(made).encode()).decode()}
    expected = Expected(
        issuer="https://pyidp.test/md",
        certificates=(pem(IDP),),
        audience=Addresses(SITE, DOMAIN).entity_id,
        recipient=Addresses(SITE, DOMAIN).consumer,
        request_id="_asked",
    )
    said_of = asserted(from_form(form), expected, int(time.time() * 1000))
    assert said_of.name_id == "alice"
    assert said_of.attributes["mail"] == ("alice@pyidp.test",)
