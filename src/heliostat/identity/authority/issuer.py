"""The platform's own certificate authority: one P-256 root in a folder.

``ca.key`` (mode 0600) never leaves the folder; ``ca.pem`` is public, and its
SHA-256 is what join tokens pin.  Leaves live 90 days and are renewed once a
third of that is left.  There is no revocation list yet: a leaf is worth what
the documents behind it say (an agent of a deleted host finds nothing to do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.authority.certificates import (
    alternative_name,
    builder,
    common_name,
    is_due,
    key_usage,
    make_root,
    pem,
    requested_key,
)

LEAF_DAYS = 90
HOST_SAN = "heliostat:host:"
PRIVATE = 0o600

SERVER_CHAIN = "server.pem"


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Paths of a server's certificate chain and key."""

    chain: Path
    key: Path


class Authority:
    """Issues certificates; made by ``Authority.open``."""

    def __init__(
        self, folder: Path, clock: Clock, key: ec.EllipticCurvePrivateKey, root: x509.Certificate
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._key = key
        self._root = root

    @classmethod
    def open(cls, folder: Path, clock: Clock, domain: str) -> Authority:
        """The authority in ``folder``; made at the first start.

        Raises ``CertificateInvalid`` when the files are no CA.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key_path, root_path = folder / "ca.key", folder / "ca.pem"
        try:
            key = load_key(key_path) if key_path.exists() else new_key(key_path)
            if not root_path.exists():
                atomic_write(root_path, pem(make_root(key, _now(clock), domain)))
            root = x509.load_pem_x509_certificate(root_path.read_bytes())
        except ValueError as error:
            raise PermanentError(
                "CertificateInvalid",
                f"{folder} holds no usable certificate authority: {error}.",
                hint="Restore the folder from a copy.",
            ) from error
        if root.public_key() != key.public_key():
            raise PermanentError(
                "CertificateInvalid",
                f"{root_path} and {key_path} do not belong together.",
                hint="Restore both from the same copy.",
            )
        return cls(folder, clock, key, root)

    @property
    def ca_pem(self) -> str:
        return pem(self._root).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, as lower-case hex."""
        return self._root.fingerprint(hashes.SHA256()).hex()

    @property
    def server_thumbprint(self) -> str:
        """SHA-256 of the server's certificate as it is shown now, ``AB:CD:…``."""
        leaf = x509.load_pem_x509_certificate((self._folder / SERVER_CHAIN).read_bytes())
        return leaf.fingerprint(hashes.SHA256()).hex(":").upper()

    def issue_server(self, names: Sequence[str], folder: Path | None = None) -> ServerFiles:
        """Key and chain for a server that is reached as ``names`` (DNS names and addresses).

        What is there already is kept until its names change or it is due for renewal.
        Raises ``InvalidSetting`` for what can't be a name.
        """
        where = folder or self._folder
        files = ServerFiles(where / SERVER_CHAIN, where / "server.key")
        alternatives = [alternative_name(name) for name in names]
        if self._is_current(files, alternatives):
            return files
        key = new_key(files.key)
        leaf = self._issue(
            key.public_key(), names[0], alternatives, ExtendedKeyUsageOID.SERVER_AUTH
        )
        atomic_write(files.chain, pem(leaf) + pem(self._root))
        return files

    def sign_csr(self, csr_pem: str, *, host_id: str) -> str:
        """A client certificate for the agent of ``host_id``, as PEM.

        Only the key is taken from the request; who it is for is ours to say.
        Raises ``InvalidEntity`` for anything but a P-256 request signed by its own key.
        """
        key = requested_key(csr_pem)
        alternatives = [x509.UniformResourceIdentifier(HOST_SAN + host_id)]
        leaf = self._issue(key, host_id, alternatives, ExtendedKeyUsageOID.CLIENT_AUTH)
        return pem(leaf).decode()

    def _is_current(self, files: ServerFiles, alternatives: Sequence[x509.GeneralName]) -> bool:
        if not (files.chain.exists() and files.key.exists()):
            return False
        try:
            leaf = x509.load_pem_x509_certificate(files.chain.read_bytes())
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            matches = load_key(files.key).public_key() == leaf.public_key()
            leaf.verify_directly_issued_by(self._root)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        return matches and list(names) == list(alternatives) and not is_due(leaf, _now(self._clock))

    def _issue(
        self,
        key: ec.EllipticCurvePublicKey,
        name: str,
        alternatives: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        now = _now(self._clock)
        end = min(now + timedelta(days=LEAF_DAYS), self._root.not_valid_after_utc)
        unsigned = (
            builder(common_name(name), self._root.subject, key, now, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(issues=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        return unsigned.sign(self._key, hashes.SHA256())


def needs_renewal(certificate_pem: str, clock: Clock) -> bool:
    """Whether less than a third of a certificate's life is left."""
    leaf = x509.load_pem_x509_certificate(certificate_pem.encode())
    return is_due(leaf, _now(clock))


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, written to ``path`` with mode 0600."""
    key = ec.generate_private_key(ec.SECP256R1())
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    atomic_write(path, content, mode=PRIVATE)
    return key


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in a PEM file; raises ``ValueError``."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no elliptic curve key")  # noqa: TRY004 - a wrong file
    return key


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_ms() // 1000, UTC)
