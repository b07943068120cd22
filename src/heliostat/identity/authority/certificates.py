"""How certificates are built and requests read.  Pure but for the keys' randomness.

``Authority`` says for whom and signs; here is the form: extensions after
RFC 5280, P-256 only.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from heliostat.core.errors import PermanentError

ROOT_DAYS = 3650
RENEW_BELOW = 1 / 3
BACKDATE = timedelta(minutes=5)  # for clocks that run behind ours
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)


def make_root(key: ec.EllipticCurvePrivateKey, now: datetime, domain: str) -> x509.Certificate:
    name = common_name(f"Heliostat CA of {domain}")
    end = now + timedelta(days=ROOT_DAYS)
    unsigned = (
        builder(name, name, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(issues=True), critical=True)
    )
    return unsigned.sign(key, hashes.SHA256())


def builder(
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
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        proven = request.is_signature_valid
    except (ValueError, TypeError) as error:
        raise _bad_request(str(error)) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad_request("its key is not a P-256 key")
    if not proven:
        raise _bad_request("it is not signed by its own key")
    return key


def alternative_name(name: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        if _HOST_NAME.fullmatch(name):
            return x509.DNSName(name)
        raise PermanentError(
            "InvalidSetting",
            f"{name[:80]!r} is neither a DNS name nor an address.",
            hint="Correct api.names; write international names in their xn-- form.",
        ) from None
    return x509.IPAddress(address)


def common_name(text: str) -> x509.Name:
    # 64 characters is the bound of a common name (RFC 5280, ub-common-name)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life * RENEW_BELOW


def _bad_request(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The signing request is refused: {why}.")
