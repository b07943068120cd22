"""Assertions that only their service provider can read (XML Encryption 1.1).

AES in GCM mode under a key of its own, which is wrapped with RSA-OAEP for the other
side's certificate.  CBC and PKCS #1 v1.5 are neither written nor read: both tell an
attacker about the text by how they fail.  OAEP is written with its default hash, SHA-1,
whose collisions do not matter there: xmlsec before 1.3 reads no other.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.certificates import KeyPair, as_base64
from heliostat.identity.saml.markup import (
    Node,
    attribute_nodes,
    make,
    name,
    one,
    only,
    parse,
    refused,
    text_of,
    written,
)

_NONCE_BYTES = 12
_TAG_BYTES = 16
_OAEP = f"{words.ENCRYPTION}rsa-oaep-mgf1p"
_OAEP_11 = f"{words.ENCRYPTION_11}rsa-oaep"
_SHA1 = f"{words.SIGNATURE}sha1"
_CIPHERS = {f"{words.ENCRYPTION_11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    _SHA1: hashes.SHA1(),  # noqa: S303 - within OAEP
    words.SHA256: hashes.SHA256(),
    words.SHA512: hashes.SHA512(),
}
_MASKS: dict[str, hashes.HashAlgorithm] = {
    f"{words.ENCRYPTION_11}mgf1sha1": hashes.SHA1(),  # noqa: S303 - within OAEP
    f"{words.ENCRYPTION_11}mgf1sha256": hashes.SHA256(),
    f"{words.ENCRYPTION_11}mgf1sha512": hashes.SHA512(),
}


def encrypted(assertion: Node, certificate: x509.Certificate) -> Node:
    """``saml:EncryptedAssertion`` for the holder of the certificate's key."""
    public = certificate.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise refused("nothing can be encrypted to a key that is not RSA")
    key, nonce = os.urandom(32), os.urandom(_NONCE_BYTES)
    data = nonce + AESGCM(key).encrypt(nonce, written(assertion), None)
    wrapped = public.encrypt(key, _oaep(hashes.SHA1(), hashes.SHA1()))  # noqa: S303 - within OAEP
    digest = make("ds:DigestMethod", {"Algorithm": _SHA1})
    method = make("xenc:EncryptionMethod", {"Algorithm": _OAEP}, digest)
    holder = make("ds:X509Data", None, make("ds:X509Certificate", None, as_base64(certificate)))
    encrypted_key = make(
        "xenc:EncryptedKey",
        None,
        method,
        make("ds:KeyInfo", None, holder),
        _cipher_data(wrapped),
    )
    encrypted_data = make(
        "xenc:EncryptedData",
        {"Type": f"{words.ENCRYPTION}Element"},
        make("xenc:EncryptionMethod", {"Algorithm": f"{words.ENCRYPTION_11}aes256-gcm"}),
        make("ds:KeyInfo", None, encrypted_key),
        _cipher_data(data),
    )
    return make("saml:EncryptedAssertion", None, encrypted_data)


def decrypted(node: Node, pairs: Sequence[KeyPair]) -> Node:
    """The assertion in a ``saml:EncryptedAssertion``; raises ``InvalidSamlMessage``."""
    data = one(node, "xenc:EncryptedData")
    cipher = str(one(data, "xenc:EncryptionMethod").get("Algorithm"))
    if cipher not in _CIPHERS:
        raise refused(f"it is encrypted with {cipher[:80]}; AES-GCM is what is read")
    keys = [*attribute_nodes(node, "xenc:EncryptedKey")]
    if len(keys) != 1:
        raise refused("there is not exactly one encrypted key")
    padding_ = _padding_of(one(keys[0], "xenc:EncryptionMethod"))
    wrapped, content = _bytes_of(keys[0]), _bytes_of(data)
    for pair in pairs:
        try:
            key = pair.private.decrypt(wrapped, padding_)
            if len(key) != _CIPHERS[cipher] or len(content) < _NONCE_BYTES + _TAG_BYTES:
                continue
            plain = AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)
        except (ValueError, InvalidTag):
            continue
        found = parse(plain)
        if found.tag != name("saml:Assertion"):
            raise refused("what was encrypted is no assertion")
        return found
    raise refused("it can't be decrypted with our keys")


def _padding_of(method: Node) -> padding.OAEP:
    algorithm = method.get("Algorithm")
    if algorithm not in (_OAEP, _OAEP_11):
        raise refused(f"its key is wrapped with {str(algorithm)[:80]}; RSA-OAEP is what is read")
    digest = only(method, "ds:DigestMethod")
    hash_ = _HASHES.get(_SHA1 if digest is None else str(digest.get("Algorithm")))
    mask = method.find(f"{{{words.ENCRYPTION_11}}}MGF")
    generator = hashes.SHA1() if mask is None else _MASKS.get(str(mask.get("Algorithm")))  # noqa: S303 - within OAEP
    if hash_ is None or generator is None:
        raise refused("its key is wrapped with a hash that is not known here")
    return _oaep(hash_, generator)


def _oaep(hash_: hashes.HashAlgorithm, mask: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(mask), algorithm=hash_, label=None)


def _cipher_data(data: bytes) -> Node:
    value = make("xenc:CipherValue", None, base64.b64encode(data).decode())
    return make("xenc:CipherData", None, value)


def _bytes_of(node: Node) -> bytes:
    text = text_of(one(one(node, "xenc:CipherData"), "xenc:CipherValue"))
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused("it is no base64") from error
