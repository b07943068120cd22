"""Certificates for a server and its clients, by an authority of the test's own."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority's certificate, the server's, and a client's with its key."""

    authority: Path
    server: Path
    client: Path
    client_key: Path

    def context(self, *, asks_client: bool = False) -> ssl.SSLContext:
        """For a server; with ``asks_client`` it lets in only who has a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        if asks_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def certificates(folder: Path) -> Certificates:
    """New ones below ``folder``; the server's is for 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(
        folder / "authority.pem",
        folder / "server.pem",
        folder / "client.pem",
        folder / "client.key",
    )
    key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Tests", key, "Tests", key, authority=True)
    made.authority.write_bytes(root.public_bytes(Encoding.PEM))
    for name, path, key_path in (
        ("server", made.server, made.server),
        ("client", made.client, made.client_key),
    ):
        own = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, own, "Tests", key, authority=False)
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        with key_path.open("ab") as file:
            file.write(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
