"""Keys and chains of servers and agents as files: P-256, PKCS #8, mode 0600."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from heliostat.core.files import atomic_write
from heliostat.identity.authority.certificates import is_due
from heliostat.identity.authority.issuer_keys import Issuer

PRIVATE = 0o600
SERVER_CHAIN = "server.pem"


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Paths of a server's certificate chain and key."""

    chain: Path
    key: Path

    def are_current(
        self,
        alternatives: Sequence[x509.GeneralName],
        issuer: Issuer,
        revoked: Collection[int],
        now: datetime,
    ) -> bool:
        """Whether they are what ``issuer`` would certify now, and go on for a while."""
        if not (self.chain.exists() and self.key.exists()):
            return False
        try:
            leaf, *chain = x509.load_pem_x509_certificates(self.chain.read_bytes())
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            matches = load_key(self.key).public_key() == leaf.public_key()
            leaf.verify_directly_issued_by(issuer.certificate)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        return (
            matches
            and tuple(chain) == issuer.chain
            and list(names) == list(alternatives)
            and leaf.serial_number not in revoked
            and not is_due(leaf, now)
        )


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, written to ``path`` with mode 0600."""
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(path, key)
    return key


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    atomic_write(path, content, mode=PRIVATE)


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in a PEM file; raises ``ValueError``."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no elliptic curve key")  # noqa: TRY004 - a wrong file
    return key
