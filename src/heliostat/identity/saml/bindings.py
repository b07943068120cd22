"""Messages on their way through a browser: in a query (deflated, signed there) or a form.

A query's signature is over its text as it was sent, so that text is taken as it came
(SAML bindings, 3.4.4.1).  Inflating stops at the length that a message may have.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.markup import LONGEST_MESSAGE, Node, parse, refused, written
from heliostat.identity.saml.vocabulary import Binding

REQUEST = "SAMLRequest"
RESPONSE = "SAMLResponse"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    words.RSA_SHA256: hashes.SHA256(),
    words.RSA_SHA384: hashes.SHA384(),
    words.RSA_SHA512: hashes.SHA512(),
    words.ECDSA_SHA256: hashes.SHA256(),
}


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came; ``signed_text`` and ``signature`` are a query's."""

    kind: str
    root: Node
    relay_state: str
    binding: Binding
    signed_text: bytes = b""
    signature: bytes = b""
    algorithm: str = ""


def from_query(raw: str) -> Received:
    """The message in a query, which is given as it stood on the wire."""
    fields: dict[str, str] = {}
    for pair in raw.split("&"):
        key, _, value = pair.partition("=")
        if key in fields:
            raise refused(f"the field {key[:40]!r} occurs more than once")
        fields[key] = value
    kind = _kind(fields)
    plain = {key: unquote_plus(value) for key, value in fields.items()}
    encoding = plain.get("SAMLEncoding")
    if encoding not in (None, "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"):
        raise refused("its encoding is none that is known here")
    signed = [f"{key}={fields[key]}" for key in (kind, "RelayState", "SigAlg") if key in fields]
    return Received(
        kind,
        parse(_inflated(_decoded(plain[kind]))),
        _relay_state(plain.get("RelayState", "")),
        Binding.REDIRECT,
        "&".join(signed).encode(),
        _decoded(plain["Signature"]) if "Signature" in plain else b"",
        plain.get("SigAlg", ""),
    )


def from_form(fields: dict[str, str]) -> Received:
    """The message in a form's fields."""
    kind = _kind(fields)
    root = parse(_decoded(fields[kind]))
    return Received(kind, root, _relay_state(fields.get("RelayState", "")), Binding.POST)


def query_is_signed(received: Received, certificates: Sequence[x509.Certificate]) -> bool:
    """Whether a query carries a signature; raises where it does not fit."""
    if not received.signature:
        if received.algorithm:
            raise refused("it names an algorithm and has no signature")
        return False
    if received.algorithm not in _HASHES:
        raise refused(f"{received.algorithm[:80]} is not accepted")
    if not any(_fits(received, each) for each in certificates):
        raise refused("its signature is made with no key that is registered, or it was changed")
    return True


def to_query(kind: str, message: Node, relay_state: str, pair: KeyPair) -> str:
    """The query that carries a message, signed."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflater.compress(written(message)) + deflater.flush()
    fields = [(kind, base64.b64encode(data).decode())]
    if relay_state:
        fields.append(("RelayState", relay_state))
    fields.append(("SigAlg", words.RSA_SHA256))
    text = urlencode(fields)
    signature = pair.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}&{urlencode({'Signature': base64.b64encode(signature).decode()})}"


def to_form(kind: str, message: Node, relay_state: str) -> dict[str, str]:
    """The form fields that carry a message, which is signed itself."""
    fields = {kind: base64.b64encode(written(message)).decode()}
    return {**fields, "RelayState": relay_state} if relay_state else fields


def _kind(fields: dict[str, str]) -> str:
    kinds = [each for each in (REQUEST, RESPONSE) if each in fields]
    if len(kinds) != 1:
        raise refused("there is not exactly one message")
    return kinds[0]


def _relay_state(text: str) -> str:
    if len(text.encode()) > words.LONGEST_RELAY_STATE:
        raise refused(f"RelayState has more than {words.LONGEST_RELAY_STATE} bytes")
    return text


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused("it is no base64") from error


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-15)
    try:
        plain = inflater.decompress(data, LONGEST_MESSAGE + 1)
    except zlib.error as error:
        raise refused("it can't be inflated") from error
    if len(plain) > LONGEST_MESSAGE:
        raise refused(f"it has more than {LONGEST_MESSAGE} bytes")
    return plain


def _fits(received: Received, certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    hash_ = _HASHES[received.algorithm]
    try:
        if received.algorithm == words.ECDSA_SHA256:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(_der(received.signature), received.signed_text, ec.ECDSA(hash_))
                return True
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(received.signature, received.signed_text, padding.PKCS1v15(), hash_)
            return True
    except InvalidSignature:
        return False
    return False


def _der(signature: bytes) -> bytes:
    """XML signatures write both numbers one after the other."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
