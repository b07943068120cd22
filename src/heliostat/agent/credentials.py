"""The files that an agent dials with.

Certificate and key lie in one file, so that renewing replaces both at once: a
crash leaves the old pair or the new one, never half of each.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from heliostat.agentlink.transport import agent_client_context
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write

RENEW_BELOW = 1 / 3
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Credentials:
    """What joining left in an agent's home; complete once ``controller`` exists."""

    home: Path

    @property
    def identity(self) -> Path:
        """The host's certificate and its key, as PEM; only the owner reads it."""
        return self.home / "identity.pem"

    @property
    def ca(self) -> Path:
        return self.home / "ca.pem"

    @property
    def crls(self) -> Path:
        """What of the authorities' certificates is revoked, as PEM; there once it was told."""
        return self.home / "crls.pem"

    @property
    def controller(self) -> Path:
        """One line: the controller's agent address.  Written last."""
        return self.home / "controller"

    @property
    def joined(self) -> bool:
        return self.controller.exists() and self.identity.exists()

    @property
    def url(self) -> str:
        return self.controller.read_text().strip()

    @property
    def host_id(self) -> str:
        """The host that the certificate is for; raises ``CertificateInvalid``."""
        (name,) = self.certificate().subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(name.value)

    def context(self, now_ms: int) -> ssl.SSLContext:
        """TLS with the certificate as it is now; raises ``CertificateInvalid``."""
        if now_ms >= self.certificate().not_valid_after_utc.timestamp() * 1000:
            raise _unusable(self.identity, "its certificate has expired")
        try:
            return agent_client_context(self.ca, self.identity)
        except OSError as error:
            raise _unusable(self.identity, str(error)) from error

    def certificate(self) -> x509.Certificate:
        """The host's certificate; raises ``CertificateInvalid``."""
        try:
            return x509.load_pem_x509_certificate(self.identity.read_bytes())
        except (OSError, ValueError) as error:
            raise _unusable(self.identity, str(error)) from error

    def is_due(self, now_ms: int) -> bool:
        """Whether less than a third of the certificate's life is left."""
        certificate = self.certificate()
        start_s = certificate.not_valid_before_utc.timestamp()
        end_s = certificate.not_valid_after_utc.timestamp()
        return end_s - now_ms / 1000 < (end_s - start_s) * RENEW_BELOW

    def is_by(self, issuer: str) -> bool:
        """Whether the authority with this key identifier (hex) signed the certificate."""
        try:
            found = self.certificate().extensions.get_extension_for_class(
                x509.AuthorityKeyIdentifier
            )
        except x509.ExtensionNotFound:
            return False
        return (found.value.key_identifier or b"").hex() == issuer.lower()

    def trust(self, ca_pem: str) -> bool:
        """Keep the authorities to trust from the next dial on; whether they are others.

        Raises ``CertificateInvalid`` for what is no certificate, so that nothing replaces
        those that work.
        """
        if self.ca.exists() and self.ca.read_text() == ca_pem:
            return False
        try:
            x509.load_pem_x509_certificates(ca_pem.encode())
        except ValueError as error:
            raise _unusable(self.ca, f"the controller sent no authorities: {error}") from error
        atomic_write(self.ca, ca_pem.encode())
        return True

    def replace(self, key: ec.EllipticCurvePrivateKey, certificate_pem: str) -> None:
        """Keep a new pair; raises ``CertificateInvalid`` for two that don't belong together."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        except ValueError as error:
            raise _unusable(
                self.identity, f"the controller sent no certificate: {error}"
            ) from error
        if certificate.public_key() != key.public_key():
            raise _unusable(self.identity, "the controller certified another key")
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = certificate.public_bytes(serialization.Encoding.PEM)
        atomic_write(self.identity, public + private, mode=PRIVATE)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key of this host; it never leaves it."""
    return ec.generate_private_key(ec.SECP256R1())


def signing_request(key: ec.EllipticCurvePrivateKey, host: str) -> str:
    """A PEM request to certify ``key``; the controller says whom it is for."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _unusable(path: Path, why: str) -> PermanentError:
    return PermanentError(
        "CertificateInvalid",
        f"{path} can't be used: {why}.",
        hint="Join again: get a token with `helio host join-token` and pass it with --join.",
    )
