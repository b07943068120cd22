"""Certificates and keyrings: which keys may sign, and what a signature is worth.

The reader of a keyring trusts its file; so a primary key counts as it stands, a subkey
only if the primary one bound it, and neither once it is revoked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.armor import Block, dearmored
from heliostat.os.packages.openpgp.keys import PublicKey
from heliostat.os.packages.openpgp.packets import Packet, PacketKind, malformed, packets
from heliostat.os.packages.openpgp.signature import Signature, SignatureKind, named


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that may sign data, good until ``expires`` (seconds since 1970; 0 is for ever)."""

    key: PublicKey
    owner: str
    expires: int


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys that are trusted, by key id."""

    keys: dict[str, SigningKey]

    @classmethod
    def read(cls, *paths: Path) -> Keyring:
        """From files with armoured or binary certificates."""
        keys: dict[str, SigningKey] = {}
        for path in paths:
            try:
                keys |= cls.parse(path.read_bytes()).keys
            except HeliostatError as error:
                raise HeliostatError(
                    error.code,
                    f"{path} is no file of public keys: {error.message}",
                    hint="Name a key as `helio os key export` or `gpg --export` writes it.",
                ) from error
        return cls(keys)

    @classmethod
    def parse(cls, data: bytes) -> Keyring:
        keys: dict[str, SigningKey] = {}
        for block in dearmored(data, Block.PUBLIC_KEY):
            for certificate in _split(list(packets(block))):
                keys |= {signing.key.key_id: signing for signing in _signing_keys(certificate)}
        return cls(keys)

    def verify(self, what: str, data: bytes, signature: Signature) -> SigningKey:
        """The key that made ``signature`` of ``data``; ``what`` names the data in errors.

        Raises ``DigestTooWeak``, ``KeyUnknown`` or ``SignatureInvalid``.
        """
        if signature.weak:
            raise HeliostatError(
                "DigestTooWeak",
                f"{what} is signed with digest {signature.digest} of OpenPGP (1 is MD5, 2 is"
                " SHA-1): nothing below SHA-256 is trusted.",
            )
        signing = self.keys.get(signature.issuer)
        if signing is None:
            known = ", ".join(sorted(self.keys)) or "none"
            raise HeliostatError(
                "KeyUnknown",
                f"{what} is signed by the key {signature.issuer}, which isn't trusted; trusted:"
                f" {known}.",
            )
        if signature.kind != SignatureKind.DATA or not signature.holds(data, signing.key):
            raise HeliostatError(
                "SignatureInvalid",
                f"{what} isn't what the key {signature.issuer} signed: it was changed afterwards.",
            )
        if signing.expires and signature.created >= signing.expires:
            raise HeliostatError(
                "SignatureInvalid",
                f"{what} was signed by the key {signature.issuer} after that key had expired.",
            )
        return signing


def _split(found: list[Packet]) -> list[list[Packet]]:
    """A keyring's packets by certificate: each begins with a primary key."""
    starts = [at for at, packet in enumerate(found) if packet.kind == PacketKind.PUBLIC_KEY]
    if not starts:
        raise malformed("There is no public key in it.")
    return [found[a:b] for a, b in zip(starts, [*starts[1:], len(found)], strict=True)]


def _signing_keys(certificate: list[Packet]) -> list[SigningKey]:
    primary = PublicKey(certificate[0].body)
    owner, lifetime_s, lets_sign = "", 0, True
    subkeys: list[tuple[PublicKey, int]] = []
    revoked: set[bytes] = set()
    for component, made in _words(certificate, primary):
        if made.kind == SignatureKind.KEY_REVOCATION:
            return []
        if made.kind == SignatureKind.SUBKEY_REVOCATION:
            revoked.add(component.body)
        elif SignatureKind.certifies_name(made.kind):
            owner = owner or component.body.decode(errors="replace")
            lets_sign, lifetime_s = made.lets_sign, made.key_lifetime_s
        elif made.kind == SignatureKind.SUBKEY and made.lets_sign:
            subkeys.append((PublicKey(component.body), made.key_lifetime_s))
    found = [_lasting(primary, owner, lifetime_s)] if lets_sign else []
    return found + [_lasting(key, owner, end) for key, end in subkeys if key.body not in revoked]


def _words(certificate: list[Packet], primary: PublicKey) -> Iterator[tuple[Packet, Signature]]:
    """What the primary key itself says about its names and subkeys."""
    component = certificate[0]
    for packet in certificate[1:]:
        if packet.kind in (PacketKind.USER_ID, PacketKind.PUBLIC_SUBKEY):
            component = packet
        elif packet.kind == PacketKind.SIGNATURE and packet.body[:1] == b"\x04":
            made = Signature.parse(packet.body)
            if made.holds(_signed_about(component, made, primary), primary):
                yield component, made


def _signed_about(component: Packet, made: Signature, primary: PublicKey) -> bytes:
    """What a signature within a certificate digests."""
    if made.kind == SignatureKind.KEY_REVOCATION or component.body == primary.body:
        return primary.hashed
    if component.kind == PacketKind.USER_ID:
        return primary.hashed + named(component.body)
    return primary.hashed + PublicKey(component.body).hashed


def _lasting(key: PublicKey, owner: str, lifetime_s: int) -> SigningKey:
    return SigningKey(key, owner, key.created + lifetime_s if lifetime_s else 0)
