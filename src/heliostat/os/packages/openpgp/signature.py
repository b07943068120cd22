"""OpenPGP signatures, version 4: made and checked (RFC 9580, section 5.2)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from heliostat.os.packages.openpgp.keys import Digest, PublicKey, SecretKey
from heliostat.os.packages.openpgp.packets import (
    Packet,
    PacketKind,
    malformed,
    packets,
    subpacket,
    subpackets,
)

_CREATED, _KEY_EXPIRES, _ISSUER, _FLAGS, _FINGERPRINT = 2, 9, 16, 27, 33
_MAY_SIGN = 0x02


class SignatureKind(enum.IntEnum):
    """What is signed."""

    DATA = 0x00
    TEXT = 0x01  # lines, whatever ends them
    NAME = 0x13  # positive certification of a user id
    SUBKEY = 0x18
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28

    @classmethod
    def certifies_name(cls, number: int) -> bool:
        return 0x10 <= number <= 0x13


@dataclass(frozen=True, slots=True)
class Signature:
    """``hashed`` is what of the packet itself is signed: all up to the hashed subpackets."""

    kind: int
    algorithm: int
    digest: int
    hashed: bytes
    subpackets: dict[int, bytes]
    issuer: str
    check: bytes
    numbers: bytes

    @classmethod
    def read(cls, data: bytes) -> Signature:
        """The one signature that ``data`` (binary) consists of."""
        found = [packet for packet in packets(data) if packet.kind == PacketKind.SIGNATURE]
        if len(found) != 1:
            raise malformed(f"{len(found)} signatures are where one belongs.")
        return cls.parse(found[0].body)

    @classmethod
    def parse(cls, body: bytes) -> Signature:
        if len(body) < 10 or body[0] != 4:
            raise malformed("The signature is not of OpenPGP's version 4.")
        end = 6 + int.from_bytes(body[4:6], "big")
        after = end + 2 + int.from_bytes(body[end : end + 2], "big")
        if after + 2 > len(body):
            raise malformed("The signature ends too early.")
        trusted, loose = subpackets(body[6:end]), subpackets(body[end + 2 : after])
        fingerprint = trusted.get(_FINGERPRINT, loose.get(_FINGERPRINT, b""))[1:].hex().upper()
        issuer = fingerprint[-16:] or loose.get(_ISSUER, trusted.get(_ISSUER, b"")).hex().upper()
        return cls(
            kind=body[1],
            algorithm=body[2],
            digest=body[3],
            hashed=body[:end],
            subpackets=trusted,
            issuer=issuer,
            check=body[after : after + 2],
            numbers=body[after + 2 :],
        )

    @property
    def created(self) -> int:
        return int.from_bytes(self.subpackets.get(_CREATED, b""), "big")

    @property
    def key_lifetime_s(self) -> int:
        """Of a certification: how long the key is good; 0 is for ever."""
        return int.from_bytes(self.subpackets.get(_KEY_EXPIRES, b""), "big")

    @property
    def lets_sign(self) -> bool:
        """Of a certification: whether the key may sign data; without a word on it, yes."""
        flags = self.subpackets.get(_FLAGS)
        return flags is None or bool(flags[:1] and flags[0] & _MAY_SIGN)

    @property
    def weak(self) -> bool:
        """Made with a digest that nobody should trust (MD5, SHA-1, …)."""
        return self.digest not in list(Digest)

    def holds(self, data: bytes, key: PublicKey) -> bool:
        """Whether ``key`` signed ``data`` so."""
        if self.weak or self.algorithm != key.algorithm:
            return False
        kind = Digest(self.digest)
        digest = kind.of(data + self.hashed + _trailer(self.hashed))
        return digest[:2] == self.check and key.verifies(digest, kind, self.numbers)


def make(
    kind: SignatureKind, data: bytes, key: SecretKey, created: int, extra: bytes = b""
) -> bytes:
    """The signature packet, SHA-512; ``extra`` are more hashed subpackets."""
    trusted = (
        subpacket(_FINGERPRINT, b"\x04" + bytes.fromhex(key.public.fingerprint))
        + subpacket(_CREATED, created.to_bytes(4, "big"))
        + extra
    )
    head = bytes([4, kind, key.public.algorithm, Digest.SHA512])
    hashed = head + len(trusted).to_bytes(2, "big") + trusted
    digest = Digest.SHA512.of(data + hashed + _trailer(hashed))
    loose = subpacket(_ISSUER, bytes.fromhex(key.public.key_id))
    body = hashed + len(loose).to_bytes(2, "big") + loose + digest[:2]
    return Packet(PacketKind.SIGNATURE, body + key.sign(digest, Digest.SHA512)).encode()


def certification(name: bytes, key: SecretKey, created: int) -> bytes:
    """The key's own word that ``name`` is its and that it signs and certifies."""
    preferred = bytes([Digest.SHA512, Digest.SHA384, Digest.SHA256])
    extra = subpacket(_FLAGS, b"\x03") + subpacket(21, preferred) + subpacket(30, b"\x01")
    return make(SignatureKind.NAME, key.public.hashed + named(name), key, created, extra)


def named(name: bytes) -> bytes:
    """What a certification digests of a user id."""
    return b"\xb4" + len(name).to_bytes(4, "big") + name


def _trailer(hashed: bytes) -> bytes:
    return b"\x04\xff" + len(hashed).to_bytes(4, "big")
