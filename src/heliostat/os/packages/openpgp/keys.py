"""OpenPGP keys, version 4: RSA and Ed25519 (RFC 9580, sections 5.5 and 9.1).

A public key checks digests, a secret one makes signatures of them.  Only the material is
here; which key may sign what is :mod:`.certificate`'s.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from heliostat.os.packages.openpgp.packets import malformed, mpi, mpis

_ED25519 = bytes.fromhex("2b06010401da470f01")  # the curve's object identifier
_NATIVE_POINT = 0x40


class Algorithm(enum.IntEnum):
    """Of public keys, by OpenPGP's number."""

    RSA = 1
    EDDSA = 22
    ED25519 = 27


class Digest(enum.IntEnum):
    """Hash algorithms by OpenPGP's number; SHA-1 and MD5 aren't among those trusted."""

    SHA256 = 8
    SHA384 = 9
    SHA512 = 10

    def of(self, data: bytes) -> bytes:
        return hashlib.new(self.name, data).digest()

    @property
    def prehashed(self) -> Prehashed:
        kinds = {8: hashes.SHA256(), 9: hashes.SHA384(), 10: hashes.SHA512()}
        return Prehashed(kinds[self.value])


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``body`` is the packet's: version, time, algorithm, numbers."""

    body: bytes

    def __post_init__(self) -> None:
        if len(self.body) < 6 or self.body[0] != 4:
            raise malformed("The key is no OpenPGP key of version 4.")

    @property
    def created(self) -> int:
        return int.from_bytes(self.body[1:5], "big")

    @property
    def algorithm(self) -> int:
        return self.body[5]

    @property
    def hashed(self) -> bytes:
        """What fingerprints and signatures of keys digest."""
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def fingerprint(self) -> str:
        return hashlib.sha1(self.hashed, usedforsecurity=False).hexdigest().upper()

    @property
    def key_id(self) -> str:
        return self.fingerprint[-16:]

    def verifies(self, digest: bytes, kind: Digest, signature: bytes) -> bool:
        """Whether ``signature`` (the algorithm's numbers) is this key's, of ``digest``."""
        try:
            if self.algorithm == Algorithm.RSA:
                self._check_rsa(digest, kind, signature)
            elif self.algorithm == Algorithm.EDDSA:
                self._ed25519(self._legacy_point()).verify(_joined(signature), digest)
            elif self.algorithm == Algorithm.ED25519:
                self._ed25519(self.body[6:38]).verify(signature, digest)
            else:
                raise malformed(f"Keys of the algorithm {self.algorithm} aren't read here.")
        except (InvalidSignature, ValueError):
            return False
        return True

    def _check_rsa(self, digest: bytes, kind: Digest, signature: bytes) -> None:
        modulus, exponent = mpis(self.body[6:])[:2]
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        raw = mpis(signature)[0].to_bytes((modulus.bit_length() + 7) // 8, "big")
        key.verify(raw, digest, padding.PKCS1v15(), kind.prehashed)

    def _legacy_point(self) -> bytes:
        end = 7 + self.body[6]
        if self.body[7:end] != _ED25519:
            raise malformed("Keys of other curves than Ed25519 aren't read here.")
        point = self.body[end + 2 :]
        return point[1:33] if point[:1] == bytes([_NATIVE_POINT]) else b""

    @staticmethod
    def _ed25519(point: bytes) -> ed25519.Ed25519PublicKey:
        return ed25519.Ed25519PublicKey.from_public_bytes(point)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """An RSA key that signs; always the same signature of the same digest (PKCS #1 v1.5)."""

    public: PublicKey
    material: rsa.RSAPrivateKey

    @classmethod
    def create(cls, created: int, bits: int) -> SecretKey:
        return cls.of(rsa.generate_private_key(65537, bits), created)

    @classmethod
    def of(cls, material: rsa.RSAPrivateKey, created: int) -> SecretKey:
        numbers = material.public_key().public_numbers()
        head = bytes([4]) + created.to_bytes(4, "big") + bytes([Algorithm.RSA])
        return cls(PublicKey(head + mpi(numbers.n) + mpi(numbers.e)), material)

    @classmethod
    def parse(cls, body: bytes) -> SecretKey:
        """From the body of an unencrypted secret key packet, as :meth:`encode` makes it."""
        if len(body) < 6 or body[5] != Algorithm.RSA:
            raise malformed("The secret key is no RSA key.")
        end = _end_of_numbers(body, 6, 2)
        if body[end : end + 1] != b"\0":
            raise malformed("The secret key is encrypted: take its passphrase off first.")
        try:
            return cls(PublicKey(body[:end]), _private(mpis(body[6:end]), mpis(body[end + 1 : -2])))
        except ValueError as error:
            raise malformed(f"The secret key's numbers don't belong together: {error}.") from error

    def encode(self) -> bytes:
        """The body of a secret key packet, unencrypted."""
        numbers = self.material.private_numbers()
        first, second = sorted((numbers.p, numbers.q))
        parts = (numbers.d, first, second, pow(first, -1, second))
        secret = b"".join(map(mpi, parts))
        return self.public.body + b"\0" + secret + (sum(secret) & 0xFFFF).to_bytes(2, "big")

    def sign(self, digest: bytes, kind: Digest) -> bytes:
        """The signature's numbers."""
        raw = self.material.sign(digest, padding.PKCS1v15(), kind.prehashed)
        return mpi(int.from_bytes(raw, "big"))


def _private(public: list[int], secret: list[int]) -> rsa.RSAPrivateKey:
    """Modulus and exponent; private exponent and the primes (and what follows from them)."""
    modulus, exponent = public
    private, first, second, _ = secret
    # what OpenSSL would look at too, but for whether both are primes: 0.3 s for each command
    if first * second != modulus or any(
        private * exponent % (prime - 1) != 1 for prime in (first, second)
    ):
        raise ValueError("the primes, the modulus and the exponents differ")
    numbers = rsa.RSAPrivateNumbers(
        p=first,
        q=second,
        d=private,
        dmp1=private % (first - 1),
        dmq1=private % (second - 1),
        iqmp=pow(second, -1, first),
        public_numbers=rsa.RSAPublicNumbers(exponent, modulus),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def _joined(signature: bytes) -> bytes:
    """EdDSA's two halves, as the big numbers in which OpenPGP first kept them."""
    return b"".join(number.to_bytes(32, "big") for number in mpis(signature)[:2])


def _end_of_numbers(body: bytes, at: int, count: int) -> int:
    for _ in range(count):
        at += 2 + (int.from_bytes(body[at : at + 2], "big") + 7) // 8
    return at
