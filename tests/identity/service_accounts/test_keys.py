"""Which public keys a service account may have, in which forms, and what they are called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey

from heliostat.core.errors import HeliostatError
from heliostat.identity.service_accounts.keys import LONGEST, read_key
from heliostat.testing.account_keys import public_pem
from heliostat.testing.signin import new_key_pair

SMALL = rsa.generate_private_key(65537, 1024)
ODD = rsa.generate_private_key(3, 2048)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (RSAKey.generate_key(2048), "RS256"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
)
def test_a_key_is_the_same_as_pem_and_as_jwk(key: Any, algorithm: str) -> None:
    jwk = key.as_dict(private=False)
    of_pem = read_key(key.as_pem(private=False).decode())
    assert (of_pem.kid, of_pem.algorithm) == (key.thumbprint(), algorithm)
    told = {**jwk, "kid": "mine", "use": "sig", "alg": algorithm}
    for text in (json.dumps(told), json.dumps({"keys": [jwk]}, indent=2)):
        assert read_key(text) == of_pem


def jwk(**changes: object) -> str:
    return json.dumps({**ECKey.generate_key("P-256").as_dict(private=False), **changes})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (new_key_pair()[0], "private"),
        ("x" * (LONGEST + 1), "too long"),
        (public_pem(SMALL), "1024 bits"),
        (public_pem(ODD), "exponent"),
        (public_pem(ec.generate_private_key(ec.SECP521R1())), "secp521r1"),
        (public_pem(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (
            dsa.generate_private_key(2048)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "kind",
        ),
        (json.dumps(ECKey.generate_key("P-256").as_dict(private=True)), "private"),
        (json.dumps({"kty": "RSA", "n": "_" + "w" * 170, "e": "AQAB"}), "1024 bits"),
        (json.dumps({"kty": "oct", "k": "AAAA"}), "private"),
        (json.dumps({"kty": "OKP", "crv": "X25519", "x": "A" * 43}), "kind"),
        (json.dumps({"kty": []}), "kty"),
        (json.dumps({"keys": []}), "one by one"),
        (json.dumps({"keys": [{}, {}]}), "one by one"),
        ("{", "no JWK"),
        ('{"a":' * 3000, "no JWK"),
        (jwk(alg="RS256"), "ES256"),
        (jwk(alg="none"), "ES256"),
        (jwk(use="enc"), "signatures"),
        (jwk(x="AAAA"), "no JWK"),
        (jwk(y=5), "no JWK"),
    ],
)
def test_what_nobody_should_use_is_refused(text: str, word: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        read_key(text)
    assert caught.value.code == "InvalidEntity"
    assert word in caught.value.message
    assert caught.value.hint


def test_ed25519_goes_by_both_of_its_names() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    told = OKPKey.import_key(public_pem(key)).as_dict()
    assert read_key(json.dumps({**told, "alg": "Ed25519"})).algorithm == "EdDSA"
