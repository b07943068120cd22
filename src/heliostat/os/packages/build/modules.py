"""Signatures of kernel modules, made outside of the build: no build sees the private key.

A signed module ends in a detached CMS message, its length and a marker, as the kernel's own
``scripts/sign-file.c`` writes them (Documentation/admin-guide/module-signing.rst).  The kernel
carries the certificate.  RSA with PKCS #1 padding signs the same bytes in the same way always,
so a kernel that is built twice is the same twice.
"""

from __future__ import annotations

import datetime
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from heliostat.core.files import atomic_write
from heliostat.os.turn import turn

MARKER = b"~Module signature appended~\n"
_PKCS7 = 2
"""``PKEY_ID_PKCS7`` of include/linux/module_signature.h."""
_YEARS = 100


@dataclass(frozen=True, slots=True)
class ModuleKey:
    """The private key and its certificate, which is no secret."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        """As the kernel carries it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, module: bytes) -> bytes:
        """The module with its signature behind it."""
        options = [
            pkcs7.PKCS7Options.Binary,
            pkcs7.PKCS7Options.DetachedSignature,
            pkcs7.PKCS7Options.NoAttributes,
            pkcs7.PKCS7Options.NoCerts,
        ]
        builder = pkcs7.PKCS7SignatureBuilder().set_data(module)
        signed = builder.add_signer(self.certificate, self.key, hashes.SHA512())
        message = signed.sign(serialization.Encoding.DER, options)
        # algorithm, hash, kind, lengths of signer and of key id (both in the message), padding
        trailer = struct.pack(">BBBBB3xI", 0, 0, _PKCS7, 0, 0, len(message))
        return module + message + trailer + MARKER


def module_key(folder: Path) -> ModuleKey:
    """The key in ``folder``, made when it is first wanted and readable to its owner only."""
    path = folder / "kernel-modules.pem"
    with turn(folder / "kernel-modules.lock", "making the key of kernel modules"):
        if not path.is_file():
            atomic_write(path, _pem_of(_new_key()), mode=0o600)
        return _parsed(path.read_bytes())


def _new_key() -> ModuleKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Heliostat kernel modules")])
    start = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16)) >> 1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_for_signatures(), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA512())
    )
    return ModuleKey(key, certificate)


def _for_signatures() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of(made: ModuleKey) -> bytes:
    private = made.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + made.certificate_pem


def _parsed(pem: bytes) -> ModuleKey:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return ModuleKey(key, x509.load_pem_x509_certificate(pem))
