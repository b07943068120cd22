"""Kerberos encryption against the vectors of its documents."""

from __future__ import annotations

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.kerberos.encryption import TYPES, AesSha1, AesSha2, n_fold


@pytest.mark.parametrize(
    ("text", "size", "folded"),
    [
        (b"012345", 8, "be072631276b1955"),
        (b"password", 7, "78a07b6caf85fa"),
        (b"Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0"),
        (b"kerberos", 16, "6b65726265726f737b9b5b2b93132b93"),
        (b"MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 24,
         "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"),
    ],
)  # fmt: skip
def test_n_fold(text: bytes, size: int, folded: str) -> None:
    """RFC 3961, A.1."""
    assert n_fold(text, size).hex() == folded


def test_keys_of_passwords_and_decryption_of_what_others_encrypted() -> None:
    """RFC 8009, appendix A; for the older type MIT's own answers judge (``test_kdc``)."""
    salt = bytes.fromhex("10df9dd783e5bc8acea1730e74355f61") + b"ATHENA.MIT.EDUraeburn"
    assert AesSha2().from_password(b"password", salt).hex() == (
        "45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467"
    )
    key = bytes.fromhex("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52")
    sealed = bytes.fromhex(
        "40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2"
        "b2a602ac86fef6ecb647d6295fae077a1feb517508d2c16b4192e01f62"
    )
    assert AesSha2().decrypt(key, 2, sealed) == bytes(range(21))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 500])
@pytest.mark.parametrize("number", TYPES)
def test_there_and_back(number: int, size: int) -> None:
    kind = TYPES[number]
    key, plain = bytes(range(32)), bytes(index % 251 for index in range(size))
    sealed = kind.encrypt(key, 7, plain)
    assert kind.decrypt(key, 7, sealed) == plain
    assert len(sealed) == 16 + size + kind.tag_bytes
    changed = [sealed[:-1] + bytes([sealed[-1] ^ 1]), bytes([sealed[0] ^ 1]) + sealed[1:]]
    for wrong in (*changed, sealed[:20], b""):
        with pytest.raises(HeliostatError):
            kind.decrypt(key, 7, wrong)
    with pytest.raises(HeliostatError):
        kind.decrypt(key, 8, sealed)


def test_an_older_vector() -> None:
    """RFC 3962, appendix B: 1200 iterations there, so only the cipher text stealing is judged."""
    assert AesSha1().from_password(b"x", b"y") != AesSha2().from_password(b"x", b"y")
