"""Requests byte by byte: encodings, keys and signatures that no library writes, as tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.certificates import public_bytes
from heliostat.identity.authority.requests import read_request

WEB = "www.acme.example"
KEY = ec.generate_private_key(ec.SECP256R1())
SPKI = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SHA256, SHA1 = "2a8648ce3d040302", "2a8648ce3d0401"
MD5_RSA, SHA256_RSA = "2a864886f70d010104", "2a864886f70d01010b"
RSA = "2a864886f70d010101"
SAN, CONSTRAINTS, UNKNOWN = "551d11", "551d13", "2b0601040182372a"
NAMES = b"\x82" + bytes([len(WEB)]) + WEB.encode()


def tlv(tag: int, *content: bytes) -> bytes:
    body = b"".join(content)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def number(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def oid(text: str) -> bytes:
    return tlv(6, bytes.fromhex(text))


def extension(what: str, value: bytes, *between: bytes) -> bytes:
    return tlv(0x30, oid(what), *between, tlv(4, value))


def attributes(*extensions: bytes) -> bytes:
    asked = tlv(0x30, oid("2a864886f70d01090e"), tlv(0x31, tlv(0x30, *extensions)))
    return tlv(0xA0, asked)


NAMED = extension(SAN, tlv(0x30, NAMES))
CRITICAL, NOT_CRITICAL = tlv(1, b"\xff"), tlv(1, b"\x00")


def made(
    *extensions: bytes,
    spki: bytes = SPKI,
    version: bytes = b"\x02\x01\x00",
    subject: bytes = b"\x30\x00",
    algorithm: str = SHA256,
    signature: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """A request in DER; signed by ``KEY`` unless a signature is given."""
    told = tlv(0x30, version, subject, spki, attributes(*(extensions or (NAMED,))))
    digest = hashes.SHA1() if algorithm == SHA1 else hashes.SHA256()
    proof = signature if signature is not None else KEY.sign(told, ec.ECDSA(digest))
    return tlv(0x30, told, tlv(0x30, oid(algorithm)), tlv(3, b"\0", proof)) + more


def rsa_key(modulus: int, exponent: int) -> bytes:
    both = tlv(0x30, number(modulus), number(exponent))
    return tlv(0x30, tlv(0x30, oid(RSA), b"\x05\x00"), tlv(3, b"\0", both))


def with_rsa(modulus: int, exponent: int = 65537, algorithm: str = SHA256_RSA) -> bytes:
    size = (modulus.bit_length() + 7) // 8
    return made(spki=rsa_key(modulus, exponent), algorithm=algorithm, signature=b"\1" * size)


def one() -> bytes:
    """With the exponent 1 a signature is the padded digest itself: anybody can write it."""
    modulus = (1 << 2047) + 1
    told = tlv(0x30, b"\x02\x01\x00", b"\x30\x00", rsa_key(modulus, 1), attributes(NAMED))
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(told).digest()
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info
    return made(spki=rsa_key(modulus, 1), algorithm=SHA256_RSA, signature=padded)


def curve(parameters: bytes, point: bytes) -> bytes:
    return tlv(0x30, tlv(0x30, oid("2a8648ce3d0201"), parameters), tlv(3, b"\0", point))


P256 = oid("2a8648ce3d030107")
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
EXPLICIT = tlv(
    0x30,
    number(1),
    tlv(0x30, oid("2a8648ce3d0101"), number(PRIME)),
    tlv(0x30, tlv(4, (PRIME - 3).to_bytes(32)), tlv(4, B.to_bytes(32))),
    tlv(4, BASE),
    number(ORDER),
    number(1),
)
OTHER_BASE = EXPLICIT.replace(BASE, POINT)
"""P-256 but for its base, as in CVE-2020-0601: whoever chose it knows a key for the point."""


def names(*encoded: bytes) -> bytes:
    return made(extension(SAN, tlv(0x30, *encoded)))


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    # encodings
    "bytes after it": ("read", lambda: made(more=b"\0")),
    "a length in more bytes than needed": (
        "read", lambda: b"\x30\x84\x00\x00" + made()[2:4] + made()[4:]),
    "an indefinite length": ("read", lambda: b"\x30\x80" + made()[4:] + b"\0\0"),
    "cut off": ("read", lambda: made()[:-3]),
    "a version that is none": ("read", lambda: made(version=b"\x02\x01\x07")),
    "a negative version": ("read", lambda: made(version=b"\x02\x01\xff")),
    "TRUE as 1": ("read", lambda: made(NAMED, extension(
        CONSTRAINTS, tlv(0x30), tlv(1, b"\x01")))),
    "FALSE spelled out": ("read", lambda: made(NAMED, extension(
        CONSTRAINTS, tlv(0x30), NOT_CRITICAL))),
    "an integer with a needless zero": ("read", lambda: made(
        spki=rsa_key(0, 0).replace(number(0), b"\x02\x02\x00\x01", 1),
        algorithm=SHA256_RSA, signature=b"\1" * 256)),
    "a subject that is no UTF-8": ("its subject", lambda: made(subject=tlv(0x30, tlv(0x31, tlv(
        0x30, oid("550403"), tlv(12, b"\xff\xfe")))))),
    # names
    "an empty name": ("no DNS name", lambda: names(b"\x82\x00")),
    "a trailing dot": ("no DNS name", lambda: names(b"\x82\x0eacme.example..")),
    "a name and its dot": ("no DNS name", lambda: names(b"\x82\x0dacme.example.")),
    "a leading dot": ("no DNS name", lambda: names(b"\x82\x0d.acme.example")),
    "NUL inside": ("no DNS name", lambda: names(b"\x82\x0fwww\0acme.exampl")),
    "IDN as UTF-8": ("", lambda: names(b"\x82\x0ecaf\xc3\xa9.example")),
    "a star that is not alone": ("no DNS name", lambda: names(b"\x82\x0fw*.acme.example"[:17])),
    "an address": ("no DNS name", lambda: names(b"\x82\x09127.0.0.1")),
    "an address in hexadecimal": ("no DNS name", lambda: names(b"\x82\x060x7f.1")),
    "an address of two parts": ("no DNS name", lambda: names(b"\x82\x061.0x7f")),
    "a number as the last label": ("no DNS name", lambda: names(b"\x82\x06host.1")),
    "IPv6 as a name": ("no DNS name", lambda: names(b"\x82\x032::")),
    "five bytes of address": ("read", lambda: names(b"\x87\x05\1\2\3\4\5")),
    "an address with a mask": ("a network", lambda: names(b"\x87\x08\x0a\0\0\0\xff\0\0\0")),
    "a registered id": ("RegisteredID", lambda: names(b"\x88\x03\x2a\x03\x04")),
    "an X.400 address": ("", lambda: names(b"\xa3\x02\x30\x00")),
    "an e-mail of two domains": ("no e-mail", lambda: names(b"\x81\x07a@b@c.d")),
    "a URI without a scheme": ("no URI", lambda: names(b"\x86\x07//a.b/c")),
    # extensions
    "a critical one that nobody knows": ("means nothing", lambda: made(
        NAMED, extension(UNKNOWN, b"\x05\x00", CRITICAL))),
    "the same one twice": ("Duplicate", lambda: made(NAMED, NAMED)),
    "an unknown one twice": ("Duplicate", lambda: made(
        NAMED, extension(UNKNOWN, b"\x05\x00"), extension(UNKNOWN, b"\x05\x00"))),
    "an authority, critical": ("CA:TRUE", lambda: made(
        NAMED, extension(CONSTRAINTS, tlv(0x30, tlv(1, b"\xff")), CRITICAL))),
    # keys
    "RSA of 16384 bits": ("16384 bits", lambda: with_rsa((1 << 16383) + 1)),
    "RSA of 1024 bits": ("1024 bits", lambda: with_rsa((1 << 1023) + 1)),
    "an exponent of 1": ("", one),
    "an exponent of 3": ("exponent", lambda: with_rsa((1 << 2047) + 1, 3)),
    "an even exponent": ("", lambda: with_rsa((1 << 2047) + 1, 65536)),
    "an even modulus": ("", lambda: with_rsa(1 << 2047)),
    "a modulus of three": ("small factor", lambda: with_rsa(3 * ((1 << 2046) + 1))),
    "a negative modulus": ("", lambda: with_rsa(-(1 << 2047) + 1)),
    "a curve with another base": ("", lambda: made(spki=curve(OTHER_BASE, POINT))),
    "a point off the curve": ("", lambda: made(spki=curve(P256, POINT[:-1] + b"\0"))),
    "the point at infinity": ("", lambda: made(spki=curve(P256, b"\0"))),
    "no curve at all": ("", lambda: made(spki=curve(b"\x05\x00", POINT))),
    # signatures
    "MD5": ("MD5", lambda: with_rsa(RSA_MODULUS, algorithm=MD5_RSA)),
    "SHA-1": ("SHA1", lambda: made(algorithm=SHA1)),
    "another kind than the key's": ("", lambda: made(algorithm=SHA256_RSA)),
    "Ed25519 with a key of P-256": ("", lambda: made(algorithm="2b6570", signature=b"\0" * 64)),
    "no signature": ("", lambda: made(signature=b"")),
    "zeros": ("", lambda: made(signature=tlv(0x30, number(0), number(0)))),
    "somebody else's": ("own key", lambda: made(signature=ec.generate_private_key(
        ec.SECP256R1()).sign(b"another", ec.ECDSA(hashes.SHA256())))),
    "an algorithm that nobody knows": ("", lambda: made(algorithm=UNKNOWN)),
}  # fmt: skip
RSA_MODULUS = (1 << 2047) + (1 << 64) + 13


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_refused_says_why(case: str) -> None:
    reason, make = HOSTILE[case]
    with pytest.raises(HeliostatError) as refused:
        read_request(make())
    assert refused.value.code == "InvalidEntity"
    assert reason in refused.value.message


PROPER: dict[str, tuple[tuple[str, ...], Callable[[], bytes]]] = {
    "as it should be": ((f"dns:{WEB}",), made),
    "an IDN as its A-label": (("dns:xn--caf-dma.example",), lambda: names(
        b"\x82\x13xn--caf-dma.example")),
    "an unknown one that is not critical": ((f"dns:{WEB}",), lambda: made(
        NAMED, extension(UNKNOWN, b"\x05\x00"))),
    "a wildcard": (("dns:*.acme.example",), lambda: names(b"\x82\x0e*.acme.example")),
    "an address": (("ip:10.0.0.1",), lambda: names(b"\x87\x04\x0a\0\0\1")),
    "an address within IPv6": (("ip:::ffff:a00:1",), lambda: names(
        b"\x87\x10" + bytes(10) + b"\xff\xff\x0a\0\0\1")),
    "no names in the extension": ((), names),
    "a curve spelled out that is P-256": ((f"dns:{WEB}",), lambda: made(
        spki=curve(EXPLICIT, POINT))),
    "a compressed point": ((f"dns:{WEB}",), lambda: made(spki=curve(
        P256, bytes([2 + POINT[-1] % 2]) + POINT[1:33]))),
}  # fmt: skip


@pytest.mark.parametrize("case", PROPER)
def test_what_is_read(case: str) -> None:
    expected, make = PROPER[case]
    read = read_request(make())
    assert read.names == expected
    assert read.kind == "P-256"
    assert public_bytes(read.key) == SPKI, "a certificate has it in the one usual form"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("550403", ""),
        ("550403", f"{'a' * 60}.acme.example"),
        ("550406", "DEU"),
        ("550406", "é1"),
        ("55040a", "o" * 500),
    ],
)
def test_subjects_that_no_certificate_can_have(kind: str, value: str) -> None:
    """They were an internal error when the certificate was written."""
    attribute = tlv(0x30, oid(kind), tlv(12, value.encode()))
    raw = made(subject=tlv(0x30, tlv(0x31, attribute)))
    with pytest.raises(HeliostatError, match=r"InvalidEntity.*subject"):
        read_request(raw)
