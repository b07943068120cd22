"""The key that signs packages and repositories: made once, kept in one folder.

``signing-key.asc`` holds the secret (mode 0600), ``RPM-GPG-KEY-heliostat`` the public key
that images and repositories carry.  Losing the folder means a new key for every client,
so it belongs to what is backed up.  Signatures are the same bytes for the same data and
time; no signature is older than its key, because verifiers refuse that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.packages.openpgp.armor import Block, armored, dearmored
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.openpgp.keys import SecretKey
from heliostat.os.packages.openpgp.packets import Packet, PacketKind, malformed, packets
from heliostat.os.packages.openpgp.signature import SignatureKind, certification, make
from heliostat.os.turn import turn

PUBLIC_NAME = "RPM-GPG-KEY-heliostat"
SECRET_NAME = "signing-key.asc"  # noqa: S105 - a file's name
BITS = 4096
OWNER = "Heliostat packages <packages@heliostat.invalid>"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs data with the key; ``certificate`` is its public part, binary."""

    key: SecretKey
    certificate: bytes

    @classmethod
    def open(cls, folder: Path) -> Signer:
        """The key in ``folder``; raises ``SigningKeyMissing`` or ``SignatureInvalid``."""
        path = folder / SECRET_NAME
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise HeliostatError(
                "SigningKeyMissing", f"There is no signing key in {folder}."
            ) from error
        except PermissionError as error:
            raise HeliostatError(
                "SigningKeyMissing",
                f"The signing key {path} may not be read.",
                hint="Run the command as the user to whom the key belongs.",
            ) from error
        return cls.parse(data)

    @classmethod
    def create(cls, folder: Path, *, owner: str = OWNER, created: int | None = None) -> Signer:
        """The key in ``folder``, made there if there is none yet."""
        if not (folder / SECRET_NAME).exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with turn(folder / ".lock", "making the signing key"):
                if not (folder / SECRET_NAME).exists():
                    now = int(time.time()) if created is None else created
                    cls.generate(owner, now)._keep(folder)
        return cls.open(folder)

    @classmethod
    def adopt(cls, folder: Path, text: bytes, *, replace: bool = False) -> Signer:
        """Keep the private key ``text`` in ``folder``; the same key twice is no fault.

        Raises ``SigningKeyExists`` for another key than the one there, ``SignatureInvalid``
        for what is no such key.
        """
        signer = cls.parse(text)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with turn(folder / ".lock", "keeping the signing key"):
            there = cls.open(folder) if (folder / SECRET_NAME).exists() else None
            if there is not None and there.fingerprint != signer.fingerprint and not replace:
                raise HeliostatError(
                    "SigningKeyExists", f"The key {there.fingerprint} signs already in {folder}."
                )
            signer._keep(folder)
        return signer

    @classmethod
    def generate(cls, owner: str, created: int, *, bits: int = BITS) -> Signer:
        """A new key, kept nowhere; fewer ``bits`` for tests, whose keys are made often."""
        key = SecretKey.create(created, bits)
        name = owner.encode()
        public = Packet(PacketKind.PUBLIC_KEY, key.public.body).encode()
        user = Packet(PacketKind.USER_ID, name).encode()
        return cls(key, public + user + certification(name, key, created))

    @classmethod
    def parse(cls, text: bytes) -> Signer:
        """From a private key block as this module, or ``gpg --export-secret-keys``, made it."""
        found = list(packets(dearmored(text, Block.PRIVATE_KEY)[0]))
        if found[0].kind != PacketKind.SECRET_KEY:
            raise malformed("The private key block has no private key in it.")
        key = SecretKey.parse(found[0].body)
        public = Packet(PacketKind.PUBLIC_KEY, key.public.body)
        names = found[1:3]  # the first user id and its certification
        signer = cls(key, b"".join(each.encode() for each in (public, *names)))
        if signer.key_id not in signer.keyring.keys:
            raise malformed(f"The key {signer.key_id} may not sign: only its subkeys may.")
        return signer

    def _keep(self, folder: Path) -> None:
        """The secret last: whoever sees it finds the public key too."""
        atomic_write(folder / PUBLIC_NAME, self.public_text)
        atomic_write(folder / SECRET_NAME, self.secret_text, mode=0o600)

    @property
    def key_id(self) -> str:
        return self.key.public.key_id

    @property
    def fingerprint(self) -> str:
        return self.key.public.fingerprint

    @property
    def owner(self) -> str:
        """The name in the key."""
        users = (each for each in packets(self.certificate) if each.kind == PacketKind.USER_ID)
        return next((each.body.decode(errors="replace") for each in users), "")

    @property
    def public_text(self) -> bytes:
        """The armoured public key, as ``rpm --import`` takes it."""
        return armored(Block.PUBLIC_KEY, self.certificate)

    @property
    def secret_text(self) -> bytes:
        """The armoured secret key, as ``gpg --import`` takes it."""
        rest = list(packets(self.certificate))[1:]
        secret = Packet(PacketKind.SECRET_KEY, self.key.encode())
        return armored(Block.PRIVATE_KEY, b"".join(each.encode() for each in (secret, *rest)))

    @property
    def keyring(self) -> Keyring:
        """Trusting this key alone."""
        return Keyring.parse(self.certificate)

    def sign(self, data: bytes, at: int) -> bytes:
        """A binary signature of ``data``, dated ``at`` or, if that is later, the key's birth."""
        return make(SignatureKind.DATA, data, self.key, max(at, self.key.public.created))

    def sign_text(self, text: str, at: int) -> bytes:
        """A signed message that can be read as it is (RFC 9580, section 7)."""
        lines = [line.rstrip(" \t\r") for line in text.removesuffix("\n").split("\n")]
        canonical = "\r\n".join(lines).encode()
        made = max(at, self.key.public.created)
        signature = make(SignatureKind.TEXT, canonical, self.key, made)
        shown = "\n".join(f"- {line}" if line.startswith("-") else line for line in lines)
        head = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{shown}\n"
        return head.encode() + armored(Block.SIGNATURE, signature)

    def sign_detached(self, data: bytes, at: int) -> bytes:
        """An armoured signature to lie beside a file, as ``gpgv`` reads it."""
        return armored(Block.SIGNATURE, self.sign(data, at))
