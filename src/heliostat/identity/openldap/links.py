"""Certificates between nodes and controllers, by an authority that vouches for nobody else.

Whoever shows one of its certificates reads or writes the whole directory, so it is not
the site's authority, which certifies hosts and people: it is a root of its own in a folder
of its own.  What servers are judged by is the site's authority as everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write

ROOT_DAYS = 7300
LINK_DAYS = 397
RENEW_BELOW_DAYS = 120
PRIVATE = 0o600
REPLICATOR, CONTROLLER = "replicator", "controller"


class LinkAuthority:
    """Made by ``open``; ``path`` is its certificate, which nodes judge each other by."""

    def __init__(self, folder: Path, clock: Clock, key: ec.EllipticCurvePrivateKey) -> None:
        self._clock = clock
        self._key = key
        self.path = folder / "links.pem"
        self._root = x509.load_pem_x509_certificate(self.path.read_bytes())

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> LinkAuthority:
        """The authority in ``folder``, made when there is none; raises ``CertificateInvalid``."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_path, root_path = folder / "links.key", folder / "links.pem"
        try:
            key = _load(key_path) if key_path.exists() else new_key(key_path)
            if not root_path.exists():
                atomic_write(root_path, _root(key, _now(clock)))
            made = cls(folder, clock, key)
        except ValueError as error:
            raise PermanentError(
                "CertificateInvalid",
                f"{folder} holds no usable authority of the directory's links: {error}.",
                hint="Restore the folder from a copy.",
            ) from error
        return made

    @property
    def pem(self) -> str:
        return self.path.read_text()

    def issue(self, role: str, name: str) -> tuple[str, str]:
        """A certificate of the node or controller ``name``, and its key; both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self.certify(key.public_key(), role, name), _written(key).decode()

    def certify(self, key: ec.EllipticCurvePublicKey, role: str, name: str) -> str:
        """A certificate of the node or controller ``name`` for its own key."""
        now = _now(self._clock)
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
                x509.NameAttribute(NameOID.COMMON_NAME, role),
            ]
        )
        end = min(now + timedelta(days=LINK_DAYS), self._root.not_valid_after_utc)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        leaf = (
            _builder(subject, self._root.subject, key, now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return leaf.public_bytes(Encoding.PEM).decode()

    def keep(self, role: str, name: str, folder: Path) -> tuple[Path, Path]:
        """As ``issue``, into files that are kept until they are due; gives certificate and key."""
        chain, key = folder / f"{role}.pem", folder / f"{role}.key"
        if chain.exists() and key.exists() and not self._is_due(chain):
            return chain, key
        certificate, private = self.issue(role, name)
        atomic_write(key, private.encode(), mode=PRIVATE)
        atomic_write(chain, certificate.encode())
        return chain, key

    def _is_due(self, path: Path) -> bool:
        try:
            leaf = x509.load_pem_x509_certificate(path.read_bytes())
        except ValueError:
            return True
        return leaf.not_valid_after_utc - _now(self._clock) < timedelta(days=RENEW_BELOW_DAYS)


def _root(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Heliostat directory links")])
    unsigned = _builder(
        name, name, key.public_key(), now, now + timedelta(days=ROOT_DAYS)
    ).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return unsigned.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(end)
    )


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A fresh key, kept in a file that only its owner reads."""
    key = ec.generate_private_key(ec.SECP256R1())
    atomic_write(path, _written(key), mode=PRIVATE)
    return key


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no elliptic curve key")  # noqa: TRY004 - a wrong file
    return key


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_ms() // 1000, UTC)
